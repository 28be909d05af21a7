import Tokens
import WireProtocol

/// Why the server closes a WebSocket connection, and how.
struct CloseReason {
    let code: CloseCode
    /// The JSON text in the close frame, for programs; empty for a breach of the WebSocket protocol.
    let text: String
    /// How others see the user go: at once, or when the grace is over.
    var leavesAtOnce = false
    /// The time that the peer has to answer our close frame, and to take what was queued before it.
    var milliseconds = ClosingPhase.milliseconds
    /// Nothing that the peer sends is read any more.
    var isViolation = false
    /// Whether the answers to what was taken come before the close frame. A reader that takes nothing gets none.
    private(set) var waitsForAnswers = true

    /// The same for a close frame that waits no longer.
    var withoutAnswers: CloseReason {
        var reason = self
        reason.waitsForAnswers = false
        return reason
    }

    /// The peer broke the WebSocket protocol.
    init(violation code: CloseCode) {
        self.code = code
        text = ""
        isViolation = true
    }

    /// - Parameters:
    ///   - reason: a word for programs.
    ///   - retryMilliseconds: when to come back; nil where coming back at once, or not at all, is right.
    init(_ code: CloseCode, _ reason: StaticString, retryMilliseconds: Int? = nil) {
        self.code = code
        let retry = retryMilliseconds.map { ",\"retry_ms\":\($0)" } ?? ""
        text = "{\"reason\":\"\(reason)\"\(retry)}"
    }

    // MARK: The client's doing

    static var badFrames: CloseReason { CloseReason(.policyViolation, "bad_frames") }
    /// A message was not complete within the time in which a sign of life must come.
    static var unfinishedMessage: CloseReason { CloseReason(.policyViolation, "unfinished_message") }
    /// The node's memory for input is full, and this connection has most of it.
    static func inputFull(retryMilliseconds: Int) -> CloseReason {
        CloseReason(.policyViolation, "input_full", retryMilliseconds: retryMilliseconds)
    }
    static var noSignOfLife: CloseReason { CloseReason(.noSignOfLife, "no_sign_of_life") }

    static func flooding(retryMilliseconds: Int) -> CloseReason {
        CloseReason(.flooding, "flooding", retryMilliseconds: retryMilliseconds)
    }

    /// The client does not read.
    static func tooSlow(retryMilliseconds: Int) -> CloseReason {
        var reason = CloseReason(.slowReader, "too_slow", retryMilliseconds: retryMilliseconds)
        reason.milliseconds = ClosingPhase.slowMilliseconds
        reason.waitsForAnswers = false
        return reason
    }

    // MARK: The doing of others

    /// The same device has connected again.
    static var replaced: CloseReason {
        var reason = CloseReason(.replaced, "replaced")
        reason.leavesAtOnce = true
        return reason
    }

    /// An operator removed the user, or the URL's room.
    static func removed(_ word: StaticString) -> CloseReason {
        var reason = CloseReason(.removed, word)
        reason.leavesAtOnce = true
        return reason
    }

    // MARK: Tokens

    /// The connection has no good token, or has one no longer.
    static func notAuthenticated(_ fault: TokenFault) -> CloseReason { CloseReason(.notAuthenticated, fault.name) }

    /// The token does not let its bearer be this user, or in this room.
    static func refused(_ refusal: TokenRefusal) -> CloseReason {
        switch refusal {
        case .token(let fault): notAuthenticated(fault)
        case .otherUser: CloseReason(.notAllowed, "token_other_user")
        case .otherRoom: CloseReason(.notAllowed, "token_other_room")
        }
    }

    // MARK: No place

    /// The connection is one too many. It gets a close code, because a browser hides an HTTP status.
    static func refused(_ refusal: ConnectionRefusal, retryMilliseconds: Int) -> CloseReason {
        switch refusal {
        case .userLimit: CloseReason(.tooManyConnections, "user_limit")
        case .addressLimit: CloseReason(.tooManyConnections, "address_limit")
        case .notAuthenticated: CloseReason(.notAuthenticated, "not_authenticated")
        case .notAllowed: CloseReason(.notAllowed, "not_allowed")
        case .nodeFull, .openFiles, .draining, .shed, .handshakes, .heaviestAddress:
            CloseReason(.overCapacity, "node_full", retryMilliseconds: retryMilliseconds)
        }
    }

    /// The load lets nobody new in.
    static func shed(retryMilliseconds: Int) -> CloseReason {
        CloseReason(.tryAgainLater, "shed", retryMilliseconds: retryMilliseconds)
    }

    static func roomFull(retryMilliseconds: Int) -> CloseReason {
        CloseReason(.overCapacity, "room_full", retryMilliseconds: retryMilliseconds)
    }

    static func drain(retryMilliseconds: Int) -> CloseReason {
        CloseReason(.serviceRestart, "drain", retryMilliseconds: retryMilliseconds)
    }
}
