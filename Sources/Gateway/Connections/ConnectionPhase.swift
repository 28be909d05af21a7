import Rooms
import WireProtocol

/// The phase that a connection is in, with its state.
enum ConnectionPhase {
    case http(HTTPPhase)
    case events(EventsPhase)
    case opening(OpeningPhase)
    /// In rooms, under these facts; the rest of its state lies in the connection.
    case chat(ConnectionInfo)
    case echo
    case closing(ClosingPhase)
    /// The socket is gone.
    case ended

    var opening: OpeningPhase? { if case .opening(let opening) = self { opening } else { nil } }

    /// The facts of the connection: there from the answer of the user's home on, until it leaves everything.
    @inline(__always)
    var info: ConnectionInfo? {
        switch self {
        case .chat(let info): info
        case .opening(let opening): opening.info
        case .http, .events, .echo, .closing, .ended: nil
        }
    }

    var isChatting: Bool {
        switch self {
        case .chat, .opening: true
        case .http, .events, .echo, .closing, .ended: false
        }
    }

    /// Whether this is a WebSocket whose close frame is still to come.
    var isWebSocketOpen: Bool {
        switch self {
        case .opening, .chat, .echo: true
        case .http, .events, .closing, .ended: false
        }
    }

    /// Bytes of memory for input that is not handled yet.
    func heldBytes(_ decoder: WebSocketDecoder) -> Int {
        switch self {
        case .http(let http): http.heldBytes
        case .events, .opening, .chat, .echo, .closing: decoder.heldBytes
        case .ended: 0
        }
    }

    /// Whether the connection goes on when the client has ended its side.
    /// - Parameter isQueued: whether it has output that is not out.
    func outlivesPeerEnd(isQueued: Bool) -> Bool {
        switch self {
        case .http(let http): http.isAnswering || isQueued
        case .closing(let closing): closing.outlivesPeerEnd && isQueued
        case .events, .opening, .chat, .echo, .ended: false
        }
    }
}
