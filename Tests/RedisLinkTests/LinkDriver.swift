import ClusterState
import NetworkIO
import Testing

@testable import RedisLink

/// Runs a loop on the thread of the test, turn by turn, until a condition holds or the time is up.
final class LinkDriver: EventLoopDelegate {
    let loop: EventLoop
    /// Called at each tick of the loop.
    var ticked: () -> Void = {}
    private var isDone: () -> Bool = { true }
    private var deadline = 0
    private let wake: WakeHandle

    init() throws {
        loop = try EventLoop()
        wake = loop.wakeHandle
        loop.delegate = self
    }

    /// Serves until `condition` holds; recorded when it does not within `seconds`.
    func run(
        seconds: Int = 60, until condition: @escaping () -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        isDone = condition
        deadline = Clock.monotonicMilliseconds() + seconds * 1000
        wake.wake()
        loop.run()
        if !condition() { Issue.record("not within \(seconds) s", sourceLocation: sourceLocation) }
        // It may hold this driver.
        isDone = { true }
    }

    func loopWoken() {}
    func loopTicked() { ticked() }
    func loopTurnEnding() {}

    func loopTurnEnded() {
        if isDone() || Clock.monotonicMilliseconds() > deadline { loop.stop() }
    }
}

/// Keeps what a connection reports.
final class ConnectionRecord: RedisConnectionDelegate {
    private(set) var connects = 0
    private(set) var readies = 0
    private(set) var losses: [RedisLoss] = []

    func connected(_ connection: RedisConnection) { connects += 1 }
    func secured(_ connection: RedisConnection) {}
    func ready(_ connection: RedisConnection) { readies += 1 }
    func lost(_ connection: RedisConnection, _ loss: RedisLoss) { losses.append(loss) }
}

/// Keeps the outcomes of commands, in order.
final class OutcomeRecord {
    private(set) var results: [StoreResult] = []

    var completion: RedisCompletion {
        .closure { outcome in
            switch outcome {
            case .reply(let reply): self.results.append(.success(reply.stored))
            case .fault(let fault): self.results.append(.failure(fault))
            }
        }
    }
}

/// The words of a command, from text.
func words(_ text: String...) -> [[UInt8]] { text.map { Array($0.utf8) } }

extension RedisOptions {
    /// For a server of 127.0.0.1.
    init(
        port: UInt16, credentials: String = "", database: Int = 0, timeout: Int = 30_000,
        limits: RedisLimits = RedisLimits()
    ) throws {
        let url = try RedisURL("redis://\(credentials)127.0.0.1:\(port)/\(database)")
        self.init(url: url, timeoutMilliseconds: timeout, limits: limits)
    }
}
