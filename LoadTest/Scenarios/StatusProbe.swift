import FoundationEssentials
import NetworkIO
import WireProtocol

/// One HTTP connection over which a node is asked for its status, again and again.
final class StatusProbe: Socket {
    /// More is no status.
    private static let bodyBytesMax = 1 << 20

    private let request: [UInt8]
    private var parser = HTTPResponseHeadParser()
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []
    private let answered: (NodeStatus?) -> Void
    private(set) var isWaiting = false

    /// - Parameter answered: the status; nil when the node refuses to say it, or the connection ended.
    init(
        to address: SocketAddress, host: String, apiKey: String?, loop: EventLoop,
        answered: @escaping (NodeStatus?) -> Void
    ) throws(SystemError) {
        self.answered = answered
        let key = apiKey.map { "X-API-Key: \($0)\r\n" } ?? ""
        request = Array("GET /api/system/status HTTP/1.1\r\nHost: \(host)\r\n\(key)\r\n".utf8)
        try super.init(descriptor: try address.connect(from: nil), loop: loop)
    }

    func ask() {
        isWaiting = true
        request.withUnsafeBytes { send(FrameBuffer(copying: $0)) }
    }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = UnsafeRawBufferPointer(bytes)
        if head == nil {
            let (consumed, event) = parser.consume(rest)
            switch event {
            case .incomplete: return
            case .failed: return close()
            case .head(let head): self.head = head
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
        }
        body.append(contentsOf: rest)
        guard let length = head?.header("content-length").flatMap({ Int($0) }), length <= Self.bodyBytesMax else {
            return close()
        }
        if body.count >= length { finish() }
    }

    private func finish() {
        let status = head?.status == 200 ? try? JSONDecoder().decode(NodeStatus.self, from: Data(body)) : nil
        (head, body, parser, isWaiting) = (nil, [], HTTPResponseHeadParser(), false)
        answered(status)
    }

    override func ended(_ end: SocketEnd) { answered(nil) }
}
