import Core
import NetworkIO
import Overload

/// One worker's control of its load: the tier's policy, the limits that follow from it, and the inner controller.
/// Shed points ask it; nobody else is asked on the data path.
///
/// Thread: the worker's.
struct LoadControl {
    /// The configured limits as the tier leaves them.
    struct Limits {
        let rate: RatePolicy
        let messageBytesMax: Int
        let sendQueueBytesMax: Int
        let heartbeatMilliseconds: Int

        init(_ policy: TierPolicy, _ configuration: Configuration) {
            rate = RatePolicy(perSecond: policy.messagesPerSecond(of: configuration.messagesPerSecond))
            messageBytesMax = policy.messageBytesMax(of: configuration.messageBytesMax)
            sendQueueBytesMax = policy.sendQueueBytesMax(of: configuration.sendQueueBytesMax)
            heartbeatMilliseconds = policy.heartbeatMilliseconds(
                of: configuration.heartbeatIntervalMilliseconds, timeout: configuration.heartbeatTimeoutMilliseconds)
        }
    }

    private(set) var policy = TierPolicy.of(.normal)
    private(set) var limits: Limits
    /// Why the tier is what it is; for those who come in.
    private(set) var reason = ""
    var controller = InnerController()
    var gate: ConnectionGate
    /// Answers that the tier lets others have, too.
    var answers = ResponseCache()
    private var windowStart: Int
    /// When the last step of the inner controller was logged, loop milliseconds.
    private var loggedAt = Int.min / 2
    private var loggedShedding = false
    /// Messages that were taken and have not been handed on yet: when, and how many.
    private var underWay: ContiguousArray<(nanoseconds: Int, count: Int)> = []
    private var committed = 0

    init(_ configuration: Configuration, at now: Int) {
        limits = Limits(policy, configuration)
        gate = ConnectionGate(at: now)
        windowStart = now
    }

    mutating func adopt(_ policy: TierPolicy, reason: String, _ configuration: Configuration, at now: Int) {
        self.policy = policy
        self.reason = reason
        limits = Limits(policy, configuration)
        gate.ruleChanged(policy.newConnections, at: now)
        answers = ResponseCache()
    }

    /// How many entries a read may have that asked for `wanted`: fewer under load, which is counted as `kind`.
    func readLimit(_ wanted: Int, _ kind: ShedKind, _ counters: WorkerCounters) -> Int {
        guard policy.tier != .normal, let most = policy.readsMax, most < wanted else { return wanted }
        counters.shed(kind)
        return most
    }

    /// A step of the inner controller for the log: that it begins to shed (true), and that it ends, but not more often
    /// than every ten seconds.
    mutating func stepToLog(at now: Int) -> Bool? {
        let isShedding = controller.admission.isShedding
        guard isShedding != loggedShedding, now - loggedAt >= 10_000 else { return nil }
        (loggedShedding, loggedAt) = (isShedding, now)
        return isShedding
    }

    /// A turn of the loop has ended: sees how long messages took, and what has become of the queue.
    mutating func turnEnded(_ loop: EventLoop, _ counters: WorkerCounters, isDryRun: Bool) {
        let count = counters.committed.value - committed
        if count > 0 {
            underWay.append((loop.turnNanoseconds, count))
            committed += count
        }
        if !underWay.isEmpty, !loop.isCollecting {
            let now = Clock.monotonicNanoseconds()
            for turn in underWay {
                counters.deliveryLatency.observe((now - turn.nanoseconds) / 1000, times: turn.count)
            }
            underWay.removeAll(keepingCapacity: true)
        }
        let elapsed = loop.now - windowStart
        guard elapsed >= InnerController.windowMilliseconds else { return }
        let delay = loop.takeQueueDelay()
        // In rounds only a round says how long one waits.
        guard delay != nil || loop.roundMilliseconds == 0 else { return }
        windowStart = loop.now
        if let delay { counters.queueDelay.observe(delay.max) }
        counters.queueDelayMicroseconds.set(delay?.min ?? 0)
        let busy = loop.takeBusyShare()
        controller.turns.passed(milliseconds: elapsed)
        guard !isDryRun else { return }
        controller.windowEnded(delayMicroseconds: delay?.min, busy: busy, elapsed: elapsed)
        loop.roundMilliseconds = max(policy.roundMilliseconds, controller.batching.milliseconds)
    }
}
