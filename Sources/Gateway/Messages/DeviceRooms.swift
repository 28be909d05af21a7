import Core

/// In which rooms a user is with one device, as one node says it.
package struct DeviceRooms: Sendable, Equatable {
    let device: Identifier
    let rooms: [Identifier]
}
