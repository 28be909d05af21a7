import CAllocationCounter
import Core
import Gateway
import Logging
import NetworkIO
import Synchronization

/// One worker on a thread of its own, which tells what that thread used. Ends with its owner.
final class WorkerThread {
    struct Meter: Sendable {
        /// CPU time.
        var nanoseconds: UInt64 = 0
        var allocations: UInt64 = 0
        /// Of the heap.
        var heldBytes: Int64 = 0
    }

    enum Fault: Error { case noAnswer }

    let port: UInt16
    private let context: NodeContext
    private let thread: NetworkIO.Thread

    init() throws {
        SignalWatcher.ignoreBrokenPipes()
        // Nothing but what is asked for: no heartbeat, no limit in the way.
        let configuration = try Configuration.load(
            environment: [
                "HOST": "127.0.0.1", "WORKERS": "1", "MESSAGES_PER_SECOND": "1000000", "HISTORY_SIZE": "100",
                "HEARTBEAT_INTERVAL_SECONDS": "3600", "HEARTBEAT_TIMEOUT_SECONDS": "10000",
                "SEND_QUEUE_BYTES": "16777216", "DEDUPE_WINDOW_SECONDS": "1",
                "COMPRESSION": "on",
            ], dotEnv: nil, cores: 1)
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        port = listener.port
        let context = NodeContext(
            configuration: configuration, nodeID: "n", port: port,
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 100_000,
            openFilesMax: ProcessLimits.raiseOpenFiles(), startedAt: 1_700_000_000_000)
        self.context = context
        thread = try NetworkIO.Thread(name: "measured") {
            do {
                try Worker(index: 0, context: context, listener: listener) { _ in }.run()
            } catch {
                fatalError("a worker can't start: \(error)")
            }
        }
    }

    deinit {
        context.mailboxes[0].post([.control(.stop)])
        thread.join()
    }

    /// The time and the allocations of the worker's thread so far. It answers within 10 s.
    func meter() throws -> Meter {
        let answer = Answer()
        context.mailboxes[0].post([
            .control(
                .measure {
                    let meter = Meter(
                        nanoseconds: Measuring.threadTime(), allocations: sluice_allocations(),
                        heldBytes: sluice_held_bytes())
                    answer.meter.withLock { $0 = meter }
                })
        ])
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if let meter = answer.meter.withLock({ $0 }) { return meter }
        }
        throw Fault.noAnswer
    }

    private final class Answer: Sendable {
        let meter = Mutex<Meter?>(nil)
    }
}
