import Core
import WireProtocol

/// A handler's answer to a request.
enum Reply {
    /// The whole answer.
    case now(HTTPResponse)
    /// The closure runs at once, on the thread of the request's worker. It sees to it that somebody answers through the
    /// responder, once; the connection's next request waits until then.
    case later(Completion = Completion(), (Responder) -> Void)
    /// `/ws` becomes a WebSocket.
    case upgrade(Upgrade)
    /// `/echo` becomes a WebSocket.
    case echo(WebSocketUpgrade)
    /// The answer goes on until one side ends it.
    case events(EventStreamRequest)

    /// The router's notes for an answer that comes later: see `Router.complete`.
    struct Completion {
        /// Headers for a page of another origin.
        var crossOriginHeaders: [(String, String)] = []
        /// The language of the page that an error becomes; nil: it stays JSON.
        var errorPage: ErrorPage.Language?
        /// The target under which the answer is kept for others; nil: it is not kept.
        var keptTarget: String?
        /// The most that the answer may be, about, in bytes: an answer to a read has its turn by that.
        var bytesMax = 64 * 1024
    }

    /// The same, of an answer that may be so large.
    func expecting(_ bytesMax: Int) -> Reply {
        guard case .later(var completion, let work) = self else { return self }
        completion.bytesMax = bytesMax
        return .later(completion, work)
    }

    /// The same for a page of another origin.
    func adding(_ headers: [(String, String)]) -> Reply {
        guard !headers.isEmpty else { return self }
        switch self {
        case .now(let response): return .now(response.adding(headers))
        case .later(var completion, let work):
            completion.crossOriginHeaders = headers
            return .later(completion, work)
        case .events(var request):
            request.crossOriginHeaders = headers
            return .events(request)
        case .upgrade, .echo: return self
        }
    }
}

/// A `/ws` upgrade that gets its 101.
struct Upgrade {
    let handshake: WebSocketUpgrade
    let opening: Opening
    /// The connection gets its own messages, too.
    let wantsEcho: Bool
    /// Whether there is room for it.
    let place: SocketPlace
    let entry: Entry

    /// Whether somebody is let in. Who is not hears so behind the upgrade, because a browser hides an HTTP status.
    enum Entry {
        /// With what a token gave, where the node asks for one.
        case admitted(TokenGrant?)
        /// The load lets nobody in; milliseconds after which the client may try again.
        case shed(retryMilliseconds: Int)
        case refused(TokenRefusal)
    }
}

/// A request for the stream of the node's events.
struct EventStreamRequest {
    /// The id of the last event that the client knows; nil for a new one.
    let lastEventID: String?
    /// The head is the whole answer; such a stream is not counted.
    let isHead: Bool
    /// For whom it was counted, when it was.
    let client: Client
    /// Headers for a page of another origin.
    var crossOriginHeaders: [(String, String)] = []
}

extension HTTPResponse {
    func adding(_ headers: [(String, String)]) -> HTTPResponse {
        var response = self
        response.headers += headers
        return response
    }

    /// The same; an error becomes a page in that language, if one is given.
    func readable(in language: ErrorPage.Language?) -> HTTPResponse {
        guard failure != nil, let language else { return self }
        return ErrorPage.instead(of: self, in: language)
    }
}
