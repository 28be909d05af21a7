import NetworkIO

/// A redis-server of the demo's own on a port of 127.0.0.1, with its data in the demo's folder.
final class RedisProcess {
    /// What each command wrote is with the kernel before it is answered (fsync is another matter: that would guard
    /// against the machine's end, not the server's), so that kill -9 loses nothing.
    private static let arguments = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "no"]
    /// Other programs may take the port between the look for it and its use.
    private static let triesMax = 5

    private let program: String
    private let stage: Stage
    private let folder: TemporaryFolder
    private var process: TiedProcess?
    private var address: SocketAddress?
    /// What its operating system calls of a process need to find libraries and names.
    private let environment: [String: String]

    init(_ program: String, stage: Stage, folder: TemporaryFolder, environment: [String: String]) {
        self.program = program
        self.stage = stage
        self.folder = folder
        self.environment = environment
    }

    private var log: String { "\(folder.path)/redis.log" }

    /// What nodes take as REDIS_URL.
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
        let process = try TiedProcess(
            program, ["redis-server", "--port", String(address.port)] + Self.arguments, environment: environment,
            folder: folder.path, output: log)
        try stage.wait("an answer of redis-server", seconds: 10) {
            if let status = process.ended() {
                throw SceneFault("redis-server does not start, it ends with status \(status); its log: \(log)")
            }
            return try stage.ask("PING\r\nQUIT\r\n", of: address).starts(with: "+PONG".utf8)
        }
        self.process = process
    }

    /// Why it does not run although it should; told once.
    func fault() -> String? {
        guard let status = process?.ended() else { return nil }
        process = nil
        return "redis-server has ended by itself with status \(status); its log: \(log)"
    }

    /// kill -9.
    func kill() throws {
        let former = process
        process = nil
        former?.killNow()
        try stage.wait("the end of redis-server", seconds: 5) { former?.ended() != nil }
    }

    /// Asks it to end.
    func terminate() { process?.terminate() }
    /// Whether it has ended.
    var hasEnded: Bool { process?.ended() != nil || process == nil }
    /// Lets go of it, which kills it where it still runs.
    func drop() { process = nil }
}
