import ArgumentParser
import Core
import Foundation
import NetworkIO
import RedisLink

/// Commands per second through one connection to a running Redis. Tests/Measure/redis_speed.py compares it with
/// redis-benchmark.
struct RedisSpeed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis", abstract: "Measures commands per second through one connection to a running Redis.")

    enum Command: String, ExpressibleByArgument, CaseIterable { case set, evalsha }

    @Option(help: "The port of 127.0.0.1 that Redis listens on.")
    var port: UInt16

    @Option(help: "set, or evalsha of a script that does the same.")
    var command = Command.set

    @Option(help: "How many commands are kept under way.")
    var window = 64

    @Option(help: "How many commands in all.")
    var count = 1_000_000

    /// The script that Redis runs for `evalsha`.
    static let script = "return redis.call('SET', KEYS[1], ARGV[1])"

    func validate() throws {
        guard window > 0, window <= RedisLimits().outstandingMax, count >= window else {
            throw ValidationError("a window is from 1 to \(RedisLimits().outstandingMax), and at most the count")
        }
    }

    func run() throws {
        let options = RedisOptions(url: try RedisURL("redis://127.0.0.1:\(port)"), timeoutMilliseconds: 10_000)
        let run = try Run(command, window: window, count: count, options)
        try run.connect()
        let (wall, cpu) = (Clock.monotonicNanoseconds(), ProcessLimits.cpuMicroseconds())
        try run.measure()
        let seconds = Double(Clock.monotonicNanoseconds() - wall) / 1e9
        let microseconds = Double(ProcessLimits.cpuMicroseconds() - cpu) / Double(count)
        print(String(format: "%.0f per second, %.3f us of CPU each", Double(count) / seconds, microseconds))
    }

    /// Keeps the window full until all commands are sent.
    private final class Run: EventLoopDelegate, RedisConnectionDelegate, RedisReceiver {
        struct Failure: Error { let text: String }

        private let loop: EventLoop
        private let options: RedisOptions
        private let window: Int
        private var connection: RedisConnection?
        private var unsent: Int
        private var unanswered: Int
        private var failure: Failure?
        private let words: [[UInt8]]
        private let payloadBytes: Int

        init(_ command: Command, window: Int, count: Int, _ options: RedisOptions) throws {
            self.options = options
            self.window = window
            (unsent, unanswered) = (count, count)
            let value = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
            words =
                switch command {
                case .set: ["SET", "key"].map { Array($0.utf8) } + [value]
                case .evalsha:
                    [Array("EVALSHA".utf8), Digest.sha1Digits(Array(RedisSpeed.script.utf8))]
                        + ["1", "key"].map { Array($0.utf8) } + [value]
                }
            payloadBytes = words.joined().count
            loop = try EventLoop()
            loop.delegate = self
        }

        /// Connects, and makes the script known.
        func connect() throws {
            let address = try SocketAddress(numericHost: options.url.host, port: options.url.port)
            connection = try RedisConnection(to: address, options: options, loop: loop, delegate: self)
            try serve()
        }

        func measure() throws {
            for _ in 0..<window { sendNext() }
            try serve()
        }

        private func serve() throws {
            loop.run()
            if let failure { throw failure }
        }

        private func sendNext() {
            unsent -= 1
            connection?.send(wordCount: words.count, payloadBytes: payloadBytes, .receiver(self, tag: 0)) { writer in
                for word in words { word.withUnsafeBytes { writer.append($0) } }
            }
        }

        func commandEnded(_ outcome: RedisOutcome, tag: Int) {
            guard case .reply(let reply) = outcome, reply.says("OK") else { return fail("no OK") }
            unanswered -= 1
            if unsent > 0 { sendNext() } else if unanswered == 0 { loop.stop() }
        }

        private func fail(_ text: String) {
            failure = failure ?? Failure(text: text)
            loop.stop()
        }

        func connected(_ connection: RedisConnection) {}
        func secured(_ connection: RedisConnection) {}
        func ready(_ connection: RedisConnection) {
            let load = ["SCRIPT", "LOAD", RedisSpeed.script].map { Array($0.utf8) }
            connection.send(load, .closure { [unowned self] _ in loop.stop() })
        }
        func lost(_ connection: RedisConnection, _ loss: RedisLoss) { fail(loss.description) }

        func loopWoken() {}
        func loopTicked() {}
        func loopTurnEnding() {}
        func loopTurnEnded() {}
    }
}
