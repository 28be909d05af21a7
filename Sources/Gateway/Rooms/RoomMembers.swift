import Foundations

/// The connections of one worker that are in a room, in one array that delivery walks over.
final class RoomMembers {
    let room: Identifier
    /// The room's home worker.
    let home: Int
    private(set) var connections: ContiguousArray<Connection> = []

    init(room: Identifier, home: Int) {
        self.room = room
        self.home = home
    }

    /// Takes a connection in; returns its place.
    func insert(_ connection: Connection) -> Int {
        connections.append(connection)
        return connections.count - 1
    }

    /// Removes the connection at `index`; the last one takes its place and is told.
    func remove(at index: Int) {
        let last = connections.removeLast()
        guard index < connections.count else { return }
        connections[index] = last
        last.moved(in: self, to: index)
    }
}

/// One connection's place in a room.
struct Membership {
    let members: RoomMembers
    /// The place in `members.connections`.
    var index: Int32
}
