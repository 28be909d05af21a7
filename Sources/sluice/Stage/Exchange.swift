import NetworkIO
import WireProtocol

/// One question to a server that answers and closes.
///
/// Thread: the loop's.
final class Exchange: Socket {
    /// More is no answer to what is asked here.
    private static let answerBytesMax = 1 << 20
    private static let timeoutMilliseconds = 2000

    private(set) var answer: [UInt8] = []
    private(set) var isOver = false

    /// - Throws: `SystemError` when the system refuses at once.
    init(_ question: String, to address: SocketAddress, loop: EventLoop) throws(SystemError) {
        try super.init(descriptor: try address.connect(from: nil), loop: loop)
        Array(question.utf8).withUnsafeBytes { send(FrameBuffer(copying: $0)) }
        loop.schedule(self, at: loop.now + Self.timeoutMilliseconds)
    }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        answer += bytes
        if answer.count > Self.answerBytesMax { close() }
    }

    override func timerFired() { close() }
    override func ended(_ end: SocketEnd) { isOver = true }
}

extension Stage {
    /// What a server answers before it closes; empty when nobody is there.
    func ask(_ question: String, of address: SocketAddress) throws -> [UInt8] {
        guard let exchange = try? Exchange(question, to: address, loop: loop) else { return [] }
        try wait("an answer of \(address.text)", seconds: 5) { exchange.isOver }
        return exchange.answer
    }

    /// The body of a node's answer to a GET, when that was 200.
    func get(_ path: String, of address: SocketAddress) throws -> [UInt8]? {
        guard let answer = try request("GET", path, of: address), answer.status == 200 else { return nil }
        return answer.body
    }

    /// A node's answer to a request without a body; nil when there is none.
    func request(
        _ method: String, _ path: String, of address: SocketAddress
    ) throws -> (status: Int, body: [UInt8])? {
        let lines = "\(method) \(path) HTTP/1.1\r\nHost: \(address.text)\r\nConnection: close\r\n\r\n"
        let answer = try ask(lines, of: address)
        var parser = HTTPResponseHeadParser()
        return answer.withUnsafeBytes { bytes in
            let (consumed, event) = parser.consume(bytes)
            guard case .head(let head) = event else { return nil }
            return (head.status, Array(bytes[consumed...]))
        }
    }
}

extension MemberScanner {
    /// The text of one member of an object; nil when it is not there. A string's escapes stay as they are written.
    static func text(of name: String, in bytes: UnsafeRawBufferPointer) -> String? {
        var scanner = MemberScanner(bytes)
        while let member = scanner.next() {
            if name.utf8.elementsEqual(member.key) { return member.text }
        }
        return nil
    }
}
