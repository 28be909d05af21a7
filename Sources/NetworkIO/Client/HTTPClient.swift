import CLibuv
import Core
import WireProtocol

/// The outcome of a request to another server.
package enum HTTPClientEnd: Sendable {
    /// The server's answer; of it, the head.
    case answered(HTTPResponseHead)
    /// No TCP connection came about: another address may serve. The text is the system's.
    case unreachable(String)
    /// The connection ended before the answer, or what came is no HTTP.
    case broken(String)
    /// The time was up before the answer.
    case timedOut
}

/// One request to a server on a connection of its own, which ends with the answer. The loop does not wait.
///
/// Thread: the loop's.
package final class HTTPClient: Socket {
    /// How long the answer's body may still come before the connection is closed: closing at once would reset it
    /// under a server that still writes.
    private static let bodyWaitMilliseconds = 1_000

    private var isConnected = false
    private var reader = HTTPAnswerReader()
    /// The outcome, when it is known before the connection is over.
    private var end: HTTPClientEnd?
    private var completion: ((HTTPClientEnd) -> Void)?

    /// Begins to connect.
    /// - Parameters:
    ///   - peer: whom TLS is spoken with; nil: plain TCP.
    ///   - request: the whole of it, as `HTTPClientRequest` makes it.
    ///   - timeoutMilliseconds: until the head of the answer is here, to the grain of the loop's tick.
    ///   - completion: called once the connection is over, in a later turn; never after `cancel`.
    /// - Throws: `SystemError` when the system refuses at once (no descriptor, no route).
    package init(
        to address: SocketAddress, securedWith peer: TLSPeer? = nil, request: [UInt8], timeoutMilliseconds: Int,
        loop: EventLoop, completion: @escaping (HTTPClientEnd) -> Void
    ) throws(SystemError) {
        self.completion = completion
        try super.init(descriptor: try address.connect(from: nil), loop: loop, isUrgent: true)
        if let peer { secure(peer) }
        request.withUnsafeBytes { send(FrameBuffer(copying: $0)) }
        loop.schedule(self, at: loop.now + timeoutMilliseconds)
    }

    /// Ends the connection; `completion` is not called any more.
    package func cancel() {
        completion = nil
        reset()
    }

    override package func drained() { isConnected = true }

    override package func received(_ bytes: UnsafeMutableRawBufferPointer) {
        switch reader.consume(UnsafeRawBufferPointer(bytes)) {
        case .incomplete: break
        case .head(let head, let isWhole):
            end = .answered(head)
            loop.schedule(self, at: loop.now + Self.bodyWaitMilliseconds)
            if isWhole { close() }
        case .ended: close()
        case .failed(let failure):
            end = .broken(failure.message)
            reset()
        }
    }

    override package func timerFired() {
        end = end ?? .timedOut
        reset()
    }

    override package func ended(_ socketEnd: SocketEnd) {
        let completion = completion
        self.completion = nil
        completion?(end ?? end(of: socketEnd))
    }

    /// The outcome of a connection that ended without an answer.
    private func end(of socketEnd: SocketEnd) -> HTTPClientEnd {
        switch socketEnd {
        case .failed(let error) where !isConnected:
            .unreachable(SystemError(call: "connect", number: error.number).description)
        case .failed(let error): .broken(error.description)
        case .insecure(let fault): .broken(fault.description)
        case .peer: .broken("the server closed the connection without an answer")
        case .local: .broken("given up")
        }
    }
}
