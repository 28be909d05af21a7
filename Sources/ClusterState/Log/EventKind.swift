/// A type of event that is sent to the operator's server.
package enum EventKind: String, CaseIterable, Sendable {
    /// The first user came to a room, of the whole cluster; the last one went.
    case roomOccupied = "room_occupied"
    case roomVacated = "room_vacated"
    /// A user's first connection came to a room; the last one went.
    case joined, left
    /// A user's first connection of all came; the last one went.
    case online, offline
    /// A message was committed to a room.
    case message
}
