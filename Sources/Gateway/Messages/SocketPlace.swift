/// Whether there is room for a client's socket.
enum SocketPlace {
    case within
    /// It is one of the node's reserve.
    case nodeFull
    /// It is one too many of its address.
    case addressFull

    /// Why a WebSocket over it is refused.
    var refusal: ConnectionRefusal? {
        switch self {
        case .within: nil
        case .nodeFull: .nodeFull
        case .addressFull: .addressLimit
        }
    }
}
