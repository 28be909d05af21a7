import Foundations
import NetworkIO
import WireProtocol

/// The HTTP phase of a connection: requests one after the other, each answered before the next is read.
final class HTTPExchange {
    /// How long a request's head may take.
    static let headMilliseconds = 10_000
    /// How long a request's body may take.
    static let bodyMilliseconds = 30_000
    /// How long a connection may wait for its next request.
    static let idleMilliseconds = 60_000

    let peer: IPAddress
    var parser = HTTPRequestParser(limits: HTTPLimits())
    /// The request that is being answered.
    var current: HTTPRequest?
    /// Headers that a foreign page's request gets in its answer.
    var crossOriginHeaders: [(String, String)] = []
    /// The target under which the answer is kept for others; nil: it is not.
    var keptTarget: String?
    /// When the current head or body must be complete (loop milliseconds).
    var deadline: Int?

    var isReadingBody = false
    /// The first head has to come within its time of the connection's start.
    var firstDeadline: Int

    init(peer: PeerAddress, at now: Int) {
        firstDeadline = now + Self.headMilliseconds
        self.peer = peer.host
    }

    /// The request is answered.
    func reset() {
        current = nil
        keptTarget = nil
        crossOriginHeaders = []
        deadline = nil
        isReadingBody = false
        firstDeadline = .max
    }
}
