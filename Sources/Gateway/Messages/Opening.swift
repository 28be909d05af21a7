import Foundations

/// Who a WebSocket connection is going to be, from the upgrade until it is in its room.
final class Opening {
    let room: Identifier
    let user: Identifier
    let device: Identifier?
    let deviceType: String?
    /// Where the client wants to go on in the room.
    let position: Position?

    init(room: Identifier, user: Identifier, device: Identifier?, deviceType: String?, position: Position?) {
        self.room = room
        self.user = user
        self.device = device
        self.deviceType = deviceType
        self.position = position
    }
}
