import CLibuv
import Core
import NetworkIO
import TestSupport
import Testing
import WireProtocol

/// Runs a loop on the thread of the test, turn by turn, until a condition holds or the time is up.
final class LoopDriver: EventLoopDelegate {
    let loop: EventLoop
    /// Called at the end of each turn's input: the test's own work, such as a slow reader's.
    var work: () -> Void = {}
    var woken: () -> Void = {}
    var turnEnded: () -> Void = {}
    private(set) var ticks = 0
    private var isDone: () -> Bool = { true }
    private var deadline = 0
    private let wake: WakeHandle

    init() throws {
        loop = try EventLoop()
        wake = loop.wakeHandle
        loop.delegate = self
    }

    /// Serves until `condition` holds; false, and recorded, when it does not within `seconds`.
    @discardableResult
    func run(
        seconds: Int = 60, until condition: @escaping () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        isDone = condition
        deadline = Clock.monotonicMilliseconds() + seconds * 1000
        wake.wake()
        loop.run()
        if !condition() { Issue.record("not within \(seconds) s", sourceLocation: sourceLocation) }
        work = {}
        // It may hold this driver.
        isDone = { true }
        return condition()
    }

    /// Serves until the loop has had nothing to do but tick for two ticks.
    func settle() {
        let last = ticks + 2
        run(until: { self.ticks >= last })
    }

    func loopWoken() { woken() }
    func loopTicked() { ticks += 1 }
    func loop(shookHandsOf socket: Socket, nanoseconds: Int) {
        (socket as? RecordingSocket)?.handshakeNanoseconds += nanoseconds
    }
    func loop(sawPlain socket: Socket) {
        guard let socket = socket as? RecordingSocket else { return }
        socket.plainCount += 1
        socket.send(Array("plain".utf8))
        socket.closeAfterFlush()
    }

    func loopTurnEnding() { work() }

    func loopTurnEnded() {
        turnEnded()
        if isDone() || Clock.monotonicMilliseconds() > deadline { loop.stop() }
    }

    /// Makes another turn come though no socket is ready. To be called from `work`.
    func turnAgain() { wake.wake() }
}

/// A socket that keeps all its calls.
final class RecordingSocket: Socket {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [SocketEnd] = []
    private(set) var drains = 0
    private(set) var backUps = 0
    private(set) var continuations = 0
    private(set) var firedAt: [Int] = []
    fileprivate(set) var plainCount = 0
    fileprivate(set) var handshakeNanoseconds = 0
    /// Instead of keeping the bytes.
    var onReceived: ((RecordingSocket, UnsafeMutableRawBufferPointer) -> Void)?

    /// Whose line it stands in.
    var address: IPAddress?

    override var turnLine: TurnLine { TurnLine(address) }
    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        #expect(ends.isEmpty, "bytes behind the end")
        if let onReceived { onReceived(self, bytes) } else { self.bytes += bytes }
    }
    override func ended(_ end: SocketEnd) { ends.append(end) }
    override func drained() { drains += 1 }
    override func backedUp() { backUps += 1 }
    override func continueInput() { continuations += 1 }
    override func timerFired() { firedAt.append(loop.now) }

    func send(_ bytes: [UInt8]) { bytes.withUnsafeBytes { send(FrameBuffer(copying: $0)) } }
}

/// The far end of a connection: a plain descriptor without a loop, which never blocks.
final class Peer {
    private(set) var descriptor: Int32
    private(set) var bytes: [UInt8] = []
    private(set) var isAtEnd = false
    private(set) var failure: Int32 = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close() }

    /// Reads once, at most `count` bytes.
    func read(_ count: Int) {
        let piece = [UInt8](unsafeUninitializedCapacity: count) { target, length in
            let received = recv(descriptor, target.baseAddress, count, Int32(MSG_DONTWAIT))
            length = max(0, received)
            if received == 0 { isAtEnd = true }
            if received < 0, sluice_errno() != EAGAIN { failure = sluice_errno() }
        }
        bytes += piece
    }

    /// Writes what the kernel takes; returns how much that was.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let flags = Int32(MSG_DONTWAIT) | sluice_msg_nosignal
        return bytes.withUnsafeBytes { max(0, send(descriptor, $0.baseAddress, $0.count, flags)) }
    }

    func shutDown() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close() {
        if descriptor >= 0 { CLibuv.close(descriptor) }
        descriptor = -1
    }

    /// Ends the connection by a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}

enum Loopback {
    struct Failure: Error { let call: String, number: Int32 }

    /// A descriptor connected to `port`; the connect waits, which takes no time on a loopback address with a backlog.
    static func connect(port: UInt16, isIPv6: Bool = false, receiveBuffer: Int32? = nil) throws -> Int32 {
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket", number: sluice_errno()) }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_storage()
        let length: Int
        if isIPv6 {
            length = MemoryLayout<sockaddr_in6>.size
            withUnsafeMutablePointer(to: &address) {
                _ = $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { uv_ip6_addr("::1", Int32(port), $0) }
            }
        } else {
            length = MemoryLayout<sockaddr_in>.size
            withUnsafeMutablePointer(to: &address) {
                _ = $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    uv_ip4_addr("127.0.0.1", Int32(port), $0)
                }
            }
        }
        guard sluice_connect(descriptor, &address, socklen_t(length)) == 0 else {
            let number = sluice_errno()
            close(descriptor)
            throw Failure(call: "connect", number: number)
        }
        return descriptor
    }

    /// Both ends of a TCP connection, with small buffers in the kernel so that writes are partial soon.
    static func pair(
        _ driver: LoopDriver, buffers: Int32? = 8192, isUrgent: Bool = false
    ) throws -> (socket: RecordingSocket, peer: Peer) {
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        defer { close(listener.descriptor) }
        let peer = Peer(try connect(port: listener.port, receiveBuffer: buffers))
        var address = sockaddr_storage()
        let descriptor = sluice_accept(listener.descriptor, &address)
        guard descriptor >= 0 else { throw Failure(call: "accept", number: sluice_errno()) }
        if var buffers {
            setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffers, socklen_t(MemoryLayout<Int32>.size))
        }
        return (try RecordingSocket(descriptor: descriptor, loop: driver.loop, isUrgent: isUrgent), peer)
    }

    /// Bytes in which each place can be distinguished from its neighbours'.
    static func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return [UInt8](unsafeUninitializedCapacity: count) { target, length in
            var index = 0
            while index < count {
                withUnsafeBytes(of: random.next()) { word in
                    for byte in word.prefix(count - index) {
                        target[index] = byte
                        index += 1
                    }
                }
            }
            length = count
        }
    }
}
