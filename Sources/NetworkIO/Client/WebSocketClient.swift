import CLibuv
import Core
import WireProtocol

/// Why a client's connection is over.
public enum WebSocketClientEnd: Sendable, Equatable {
    /// No TCP connection came about, or it broke before the handshake was through; the text is the system's.
    case unreachable(String)
    /// The server answered the handshake with this HTTP status instead of 101.
    case refused(status: Int)
    /// The server's answer to the handshake is not what RFC 6455 asks for.
    case badHandshake(String)
    /// Connecting and the handshake took longer than allowed.
    case timedOut
    /// The open connection ended: with the server's close code and reason, 1005 when its close frame had no code, 1006
    /// when it ended without a close frame, or the code that we closed with.
    case closed(code: UInt16, reason: String)
}

/// The key of an opening handshake and the answer that it must get (RFC 6455 §4.1).
public struct WebSocketKey: Sendable {
    let key: String
    let accept: String

    /// A fresh one. Links use one per connection, as the RFC wants; a load tool may use one for all of its own.
    package init() {
        key = Digest.base64(Digest.random(count: 16))
        accept = Digest.webSocketAccept(key: key, suffix: WebSocketHandshake.acceptSuffix)
    }
}

/// A client's request: `host` is the value of the Host header, `target` path and query, percent-encoded.
public struct WebSocketRequest: Sendable {
    let key: WebSocketKey
    /// The subprotocols of which the server may choose one.
    let protocols: [String]
    let bytes: [UInt8]

    package init(
        host: String, target: String, key: WebSocketKey, protocols: [String] = [], headers: [(String, String)] = []
    ) {
        self.key = key
        self.protocols = protocols
        bytes = WebSocketHandshake.clientRequest(
            host: host, target: target, key: key.key, protocols: protocols, headers: headers)
    }
}

/// A client's WebSocket: connects without waiting, shakes hands, and hands out messages; pings are answered and
/// closes returned by itself.
///
/// Subclasses say what to do with what comes. An idle connection holds no buffer: what the handshake needs goes when
/// it is through. The request is queued at once and leaves when the kernel says that the connection stands.
/// Thread: the loop's.
open class WebSocketClient: Socket {
    /// The longest that a close handshake takes before the connection is cut.
    private static let closeWaitMilliseconds = 2000

    private enum Phase: UInt8 {
        case connecting, handshaking, open
        /// Our close frame is out; what the server sent before its own still counts.
        case closing
        /// Nothing that comes is read any more (RFC 6455 §5.5.1: no data follows a close frame).
        case finishing
        case ended
    }

    /// The state until the 101, and the end once there is one.
    private final class Exchange {
        var parser = HTTPResponseHeadParser()
        var accept = ""
        var protocols: [String] = []
        var end: WebSocketClientEnd?
    }

    private var exchange: Exchange?
    @exclusivity(unchecked) private var decoder = WebSocketDecoder()
    @exclusivity(unchecked) private var phase = Phase.connecting

    /// The largest message that is taken; a larger one closes with 1009.
    open var messageBytesMax: Int { 16 * 1024 * 1024 }

    /// Begins to connect.
    /// - Parameters:
    ///   - source: the address to come from; nil leaves it to the system.
    ///   - receiveBufferBytes: see `SocketAddress.connect`.
    ///   - peer: whom TLS is spoken with; nil: plain TCP.
    ///   - timeoutMilliseconds: for the connect and the handshakes together, to the grain of the loop's tick.
    /// - Throws: `SystemError` when the system refuses at once (no descriptor, no port).
    public init(
        to address: SocketAddress, from source: SocketAddress? = nil, receiveBufferBytes: Int32? = nil,
        securedWith peer: TLSPeer? = nil, request: WebSocketRequest, timeoutMilliseconds: Int = 10_000,
        loop: EventLoop
    ) throws(SystemError) {
        let exchange = Exchange()
        exchange.accept = request.key.accept
        exchange.protocols = request.protocols
        self.exchange = exchange
        let descriptor = try address.connect(from: source, receiveBufferBytes: receiveBufferBytes)
        try super.init(descriptor: descriptor, loop: loop)
        if let peer { secure(peer) }
        request.bytes.withUnsafeBytes { send(FrameBuffer(copying: $0)) }
        loop.schedule(self, at: loop.now + timeoutMilliseconds)
    }

    // MARK: Calls to subclasses

    /// The handshake is through.
    open func opened() {}
    /// A text message; the bytes are gone after the call.
    open func received(text: UnsafeRawBufferPointer) {}
    /// A binary message; the bytes are gone after the call.
    open func received(binary: UnsafeRawBufferPointer) {}
    /// The connection is over, or never came about. Called once, and nothing after it.
    open func closed(_ end: WebSocketClientEnd) {}

    // MARK: What callers use

    /// Whether messages can be sent.
    package var isOpenForMessages: Bool { phase == .open }

    /// Queues a text message; nothing happens unless the connection is open.
    package func send(text: UnsafeRawBufferPointer) {
        guard phase == .open else { return }
        sendFrame(.text, text)
    }

    /// Sends a ping without a payload; nothing happens unless the connection is open.
    package func ping() {
        if phase == .open { sendFrame(.ping, UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    /// Begins the close handshake; before the connection is open it is cut instead.
    package func close(_ code: CloseCode, reason: String = "") {
        switch phase {
        case .connecting, .handshaking:
            end(.closed(code: code.rawValue, reason: reason))
            reset()
        case .open:
            sendClose(code, reason)
            end(.closed(code: code.rawValue, reason: reason))
            phase = .closing
            loop.schedule(self, at: loop.now + Self.closeWaitMilliseconds)
        case .closing, .finishing, .ended: break
        }
    }

    // MARK: What the socket says

    override open func drained() {
        if phase == .connecting { phase = .handshaking }
    }

    override open func received(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = bytes
        if phase == .connecting || phase == .handshaking {
            guard let consumed = takeAnswer(UnsafeRawBufferPointer(bytes)) else { return }
            rest = UnsafeMutableRawBufferPointer(rebasing: bytes[consumed...])
        }
        takeFrames(rest)
    }

    override open func timerFired() {
        switch phase {
        case .connecting, .handshaking:
            end(.timedOut)
            reset()
        case .closing, .finishing: reset()
        case .open, .ended: break
        }
    }

    override open func ended(_ socketEnd: SocketEnd) {
        let known = exchange?.end
        let former = phase
        phase = .ended
        exchange = nil
        decoder = WebSocketDecoder()
        closed(known ?? Self.end(of: former, socketEnd))
    }

    /// The end of a client whose socket ended without a close frame in this phase.
    private static func end(of phase: Phase, _ socketEnd: SocketEnd) -> WebSocketClientEnd {
        guard phase == .connecting || phase == .handshaking else { return .closed(code: 1006, reason: "") }
        switch socketEnd {
        case .failed(let error):
            let call = phase == .connecting ? "connect" : "handshake"
            return .unreachable(SystemError(call: call, number: error.number).description)
        case .insecure(let fault): return .unreachable(fault.description)
        case .peer: return .unreachable("handshake: the server closed the connection")
        case .local: return .unreachable("handshake: given up")
        }
    }

    // MARK: Handshake

    /// The bytes that the answer took, once it is whole and good; nil before that, and when it is not.
    private func takeAnswer(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let exchange else { return nil }
        let (consumed, event) = exchange.parser.consume(bytes)
        switch event {
        case .incomplete: return nil
        case .failed(let failure):
            fail(.badHandshake(failure.message))
            return nil
        case .head(let head):
            let fault = WebSocketHandshake.checkServer(
                response: head, expectedAccept: exchange.accept, offeredProtocols: exchange.protocols)
            switch fault {
            case nil: break
            case .refused(let status)?:
                fail(.refused(status: status))
                return nil
            case let fault?:
                fail(.badHandshake(fault.message))
                return nil
            }
        }
        self.exchange = nil
        phase = .open
        loop.forgetTimer(of: self)
        opened()
        return consumed
    }

    private func fail(_ end: WebSocketClientEnd) {
        self.end(end)
        reset()
    }

    /// Remembers how it ended; what was first stays.
    private func end(_ end: WebSocketClientEnd) {
        let exchange = exchange ?? Exchange()
        exchange.end = exchange.end ?? end
        self.exchange = exchange
    }

    // MARK: Frames

    private func takeFrames(_ bytes: UnsafeMutableRawBufferPointer) {
        var offset = 0
        while phase == .open || phase == .closing {
            let (consumed, event) = decoder.next(
                UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]), role: .client,
                messageBytesMax: messageBytesMax)
            offset += consumed
            switch event {
            case .incomplete: return
            case .text(let text): received(text: text)
            case .binary(let binary): received(binary: binary)
            case .compressed: preconditionFailure("the decoder gives compressed messages only where they were agreed")
            case .ping(let payload): if phase == .open { sendFrame(.pong, payload) }
            case .pong: break
            case .close(let code, let reason):
                return peerClosed(code, String(decoding: reason, as: UTF8.self))
            case .violation(let code, let message):
                end(.closed(code: code.rawValue, reason: "\(message)"))
                sendClose(code, "")
                return endAfterFlush(within: Self.closeWaitMilliseconds)
            }
            decoder.settle(at: loop.now)
        }
    }

    private func peerClosed(_ code: CloseCode?, _ reason: String) {
        if phase == .open { sendClose(code, "") }
        end(.closed(code: code?.rawValue ?? 1005, reason: reason))
        endAfterFlush(within: Self.closeWaitMilliseconds)
    }

    /// Ends our side; the server then closes the connection (RFC 6455 §7.1.1), or it is cut.
    private func endAfterFlush(within milliseconds: Int) {
        phase = .finishing
        endAfterFlush()
        loop.schedule(self, at: loop.now + milliseconds)
    }

    private func sendClose(_ code: CloseCode?, _ reason: String) {
        let payload = code.map { [UInt8($0.rawValue >> 8), UInt8($0.rawValue & 0xFF)] + Array(reason.utf8) } ?? []
        payload.withUnsafeBytes { sendFrame(.close, $0) }
    }

    private func sendFrame(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) {
        let mask = UInt32.random(in: .min ... .max)
        FrameEncoder.maskedFrame(opcode, payload, mask: mask).withUnsafeBytes { send(FrameBuffer(copying: $0)) }
    }
}
