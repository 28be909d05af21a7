import NetworkIO
import WireProtocol

/// A server's answer to a request, with all of its body.
package struct HTTPAnswer: Sendable, Equatable {
    package let status: Int
    package let body: [UInt8]
}

/// A tool's connection to a server of HTTP, kept for many requests: they leave as they are asked, and the answers come
/// in their order.
///
/// Thread: the loop's.
package final class HTTPConnection: Socket {
    /// A longer body ends the connection: it is no answer to what tools ask.
    package static let usualBodyBytesMax = 1 << 20

    private let bodyBytesMax: Int
    private let timeoutMilliseconds: Int?
    private let answered: (HTTPAnswer?) -> Void
    private var parser = HTTPResponseHeadParser()
    /// Of the answer under way, once it is here.
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []
    /// Requests without an answer.
    package private(set) var underWay = 0

    /// Begins to connect.
    /// - Parameters:
    ///   - peer: whom TLS is spoken with; nil: plain TCP.
    ///   - timeoutMilliseconds: how long one answer may take, to the grain of the loop's tick; nil: for ever.
    ///   - bodyBytesMax: a longer body ends the connection.
    ///   - answered: called with each answer; at last with nil, when the connection is over.
    /// - Throws: `SystemError` when the system refuses at once.
    package init(
        to address: SocketAddress, securedWith peer: TLSPeer? = nil, timeoutMilliseconds: Int? = nil,
        loop: EventLoop, bodyBytesMax: Int = usualBodyBytesMax, answered: @escaping (HTTPAnswer?) -> Void
    ) throws(SystemError) {
        self.bodyBytesMax = bodyBytesMax
        self.timeoutMilliseconds = timeoutMilliseconds
        self.answered = answered
        try super.init(descriptor: try address.connect(from: nil), loop: loop)
        if let peer { secure(peer) }
    }

    /// Sends a request, as `HTTPClientRequest` makes it.
    package func ask(_ request: [UInt8]) {
        underWay += 1
        request.withUnsafeBytes { send(FrameBuffer(copying: $0)) }
        if let timeoutMilliseconds { loop.schedule(self, at: loop.now + timeoutMilliseconds) }
    }

    override package func received(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = UnsafeRawBufferPointer(bytes)
        while isOpen, !rest.isEmpty {
            let taken = head.map { takeBody($0, rest) } ?? takeHead(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
    }

    private func takeHead(_ bytes: UnsafeRawBufferPointer) -> Int {
        let (consumed, event) = parser.consume(bytes)
        switch event {
        case .incomplete: break
        case .failed: close()
        case .head(let head):
            parser = HTTPResponseHeadParser()
            self.head = head
            if head.bodyLength == 0 { finish(head) }
        }
        return consumed
    }

    private func takeBody(_ head: HTTPResponseHead, _ bytes: UnsafeRawBufferPointer) -> Int {
        let taken = min(bytes.count, (head.bodyLength ?? .max) - body.count)
        body.append(contentsOf: bytes[..<taken])
        if body.count == head.bodyLength {
            finish(head)
        } else if body.count > bodyBytesMax {
            close()
        }
        return taken
    }

    private func finish(_ head: HTTPResponseHead) {
        let answer = HTTPAnswer(status: head.status, body: body)
        (self.head, body, underWay) = (nil, [], max(0, underWay - 1))
        answered(answer)
    }

    override package func timerFired() { if underWay > 0 { close() } }

    override package func ended(_ end: SocketEnd) {
        // The end of the connection is that of a body without a length (RFC 9112 §6.3).
        if let head, head.bodyLength == nil, case .peer = end { finish(head) }
        answered(nil)
    }
}

extension Stage {
    /// How long a server has for an answer that is waited for.
    private static let answerMilliseconds = 2000

    /// The answer to one request, on a connection of its own; nil when there is none within a few seconds, or a longer
    /// one than that.
    package func ask(
        _ request: [UInt8], of address: SocketAddress, securedWith peer: TLSPeer? = nil,
        bodyBytesMax: Int = HTTPConnection.usualBodyBytesMax
    ) throws -> HTTPAnswer? {
        var answer: HTTPAnswer?
        var isOver = false
        let connection = try? HTTPConnection(
            to: address, securedWith: peer, timeoutMilliseconds: Self.answerMilliseconds, loop: loop,
            bodyBytesMax: bodyBytesMax
        ) {
            answer = answer ?? $0
            isOver = true
        }
        guard let connection else { return nil }
        defer { connection.close() }
        connection.ask(request)
        try wait("an answer of \(address.text)", seconds: 5) { isOver }
        return answer
    }
}
