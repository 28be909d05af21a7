import CLibuv
import NetworkIO
import Testing
import WireProtocol

/// A small server in the test's own loop, made of the server's side of the codecs.
final class WebSocketServer: AcceptorDelegate {
    /// The server's way to answer a request.
    enum Answer {
        case accept
        /// This text instead of any answer of its own.
        case text(String)
        case silence
    }

    let port: UInt16
    private let driver: LoopDriver
    private let answer: Answer
    private var acceptor: Acceptor?
    private(set) var ends: [WebSocketServerEnd] = []

    init(_ driver: LoopDriver, answer: Answer = .accept) throws {
        self.driver = driver
        self.answer = answer
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        port = listener.port
        acceptor = try Acceptor(listener, loop: driver.loop, refusal: [], delegate: self)
    }

    /// Stops listening, which the loop needs another turn for.
    func close() { acceptor?.close() }

    func accepted(_ descriptor: Int32, from address: PeerAddress) {
        do {
            ends.append(try WebSocketServerEnd(descriptor: descriptor, loop: driver.loop, answer: answer))
        } catch {
            Issue.record(error)
        }
    }

    func refusedForLackOfDescriptors() { Issue.record("no descriptors") }
}

/// The server's end of one connection; keeps all its calls.
final class WebSocketServerEnd: Socket {
    private let answer: WebSocketServer.Answer
    private var parser = HTTPRequestParser(limits: HTTPLimits())
    private var decoder = WebSocketDecoder()
    private(set) var requests = 0
    private(set) var isUpgraded = false
    private(set) var texts: [String] = []
    private(set) var pongs: [[UInt8]] = []
    private(set) var closes: [UInt16?] = []
    private(set) var violations: [String] = []
    private(set) var socketEnds: [SocketEnd] = []

    init(descriptor: Int32, loop: EventLoop, answer: WebSocketServer.Answer) throws(SystemError) {
        self.answer = answer
        try super.init(descriptor: descriptor, loop: loop)
    }

    override func ended(_ end: SocketEnd) { socketEnds.append(end) }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        if isUpgraded { return take(bytes) }
        var (taken, event) = parser.consume(UnsafeRawBufferPointer(bytes))
        if case .head = event {
            (taken, event) = parser.consume(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[taken...]))
        }
        guard case .request(let request) = event else { return }
        requests += 1
        switch answer {
        case .accept:
            guard case .success(let upgrade) = WebSocketHandshake.evaluate(request) else {
                violations.append("handshake")
                return
            }
            let accept = Digest.webSocketAccept(key: upgrade.key, suffix: WebSocketHandshake.acceptSuffix)
            var response: [UInt8] = []
            WebSocketHandshake.acceptResponse(accept: accept, subprotocol: nil, into: &response)
            isUpgraded = true
            send(response)
        case .text(let text): send(Array(text.utf8))
        case .silence: break
        }
    }

    private func take(_ bytes: UnsafeMutableRawBufferPointer) {
        var offset = 0
        while true {
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[offset...])
            let (consumed, event) = decoder.next(rest, role: .server, messageBytesMax: 1 << 24)
            offset += consumed
            switch event {
            case .incomplete: return
            case .text(let text): texts.append(String(decoding: text, as: UTF8.self))
            case .pong(let payload): pongs.append(Array(payload))
            case .close(let code, _): closes.append(code?.rawValue)
            case .violation(_, let message):
                violations.append("\(message)")
                return
            case .binary, .ping, .compressed: violations.append("unexpected frame")
            }
        }
    }

    func send(_ bytes: [UInt8]) { bytes.withUnsafeBytes { send(FrameBuffer(copying: $0)) } }
    func send(_ opcode: Opcode, _ payload: [UInt8]) {
        payload.withUnsafeBytes { send(FrameEncoder.frame(opcode, $0)) }
    }
}

/// A client that keeps all its calls.
final class RecordingClient: WebSocketClient {
    private(set) var openings = 0
    private(set) var texts: [[UInt8]] = []
    private(set) var binaries: [[UInt8]] = []
    private(set) var ends: [WebSocketClientEnd] = []
    override var messageBytesMax: Int { 1 << 23 }

    override func opened() {
        #expect(ends.isEmpty)
        openings += 1
    }
    override func received(text: UnsafeRawBufferPointer) { texts.append(Array(text)) }
    override func received(binary: UnsafeRawBufferPointer) { binaries.append(Array(binary)) }
    override func closed(_ end: WebSocketClientEnd) { ends.append(end) }

    func send(_ text: String) { Array(text.utf8).withUnsafeBytes { send(text: $0) } }
}
