import Core

/// Who a WebSocket connection is going to be, from the upgrade until it is in its room.
struct Opening {
    let room: Identifier
    let user: Identifier
    let device: Identifier?
    let deviceType: String?
    /// Where the client wants to go on in the room.
    let position: Position?
    /// It was let in only because it goes on: nobody new is at present. The room must know its position.
    var isLetInToResume = false
}
