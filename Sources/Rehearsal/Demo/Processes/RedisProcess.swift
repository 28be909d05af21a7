import NetworkIO
import Toolkit
import WireProtocol

/// A redis-server of the demo's own on a port of 127.0.0.1, with its data in the demo's folder.
final class RedisProcess {
    /// Each command's effect is with the kernel before it is answered (fsync is another matter: that would guard
    /// against the machine's end, not the server's), so that kill -9 loses nothing.
    private static let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "no"]
    /// Other programs may take the port between the look for it and its use.
    private static let triesMax = 5

    let server: ServerProcess
    private let program: String
    private let stage: Stage
    private var address: SocketAddress?
    /// The variables with which a process finds libraries and names.
    private let environment: [String: String]

    init(_ program: String, stage: Stage, folder: TemporaryFolder, environment: [String: String]) {
        self.program = program
        self.stage = stage
        self.environment = environment
        server = ServerProcess("redis-server", log: "redis.log", in: folder, stage: stage)
    }

    /// The nodes' REDIS_URL.
    var url: String { "redis://127.0.0.1:\(address?.port ?? 0)" }
    /// The port that it has, or had.
    var port: UInt16 { address?.port ?? 0 }

    /// Starts it for the first time, and waits until it answers.
    func start() throws {
        for triesLeft in (0..<Self.triesMax).reversed() {
            address = try SocketAddress(numericHost: "127.0.0.1", port: try ListeningSocket.freeLoopbackPort())
            do {
                return try startAgain()
            } catch let fault as SceneFault {
                if triesLeft == 0 { throw fault }
            }
        }
    }

    /// Starts it on the port that it had, with the data that it had, and waits until it answers.
    func startAgain() throws {
        guard let address else { preconditionFailure("it was never started") }
        let arguments = ["redis-server", "--port", String(address.port)] + Self.arguments
        try server.launch(program, arguments, environment: environment) { try greets(at: address) }
    }

    private func greets(at address: SocketAddress) throws -> Bool {
        guard let greeting = try? Greeting(to: address, loop: stage.loop) else { return false }
        try stage.wait("an answer of \(address.text)", seconds: 5) { greeting.isOver }
        return greeting.answer.starts(with: "+PONG".utf8)
    }
}

/// The question whether a redis-server answers.
private final class Greeting: Socket {
    private(set) var answer: [UInt8] = []
    private(set) var isOver = false

    init(to address: SocketAddress, loop: EventLoop) throws(SystemError) {
        try super.init(descriptor: try address.connect(from: nil), loop: loop)
        Array("PING\r\nQUIT\r\n".utf8).withUnsafeBytes { send(FrameBuffer(copying: $0)) }
        loop.schedule(self, at: loop.now + 2000)
    }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) { answer += bytes }
    override func timerFired() { close() }
    override func ended(_ end: SocketEnd) { isOver = true }
}
