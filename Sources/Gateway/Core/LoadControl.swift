import Core
import NetworkIO
import Overload

/// One worker's control of its load: the tier's policy, the limits that follow from it, and the inner controller.
/// Shed points ask it; nobody else is asked on the data path.
///
/// Thread: the worker's.
final class LoadControl {
    /// The configured limits as the tier leaves them.
    struct Limits {
        let rate: RatePolicy
        let messageBytesMax: Int
        let sendQueueBytesMax: Int
        let heartbeatMilliseconds: Int
        /// Of the tier `normal`, which takes nothing.
        let isNormal: Bool

        init(_ policy: TierPolicy, _ configuration: Configuration) {
            rate = RatePolicy(perSecond: policy.messagesPerSecond(of: configuration.messagesPerSecond))
            messageBytesMax = policy.messageBytesMax(of: configuration.messageBytesMax)
            sendQueueBytesMax = policy.sendQueueBytesMax(of: configuration.sendQueueBytesMax)
            heartbeatMilliseconds = policy.heartbeatMilliseconds(
                of: configuration.heartbeatIntervalMilliseconds, timeout: configuration.heartbeatTimeoutMilliseconds)
            isNormal = policy.tier == .normal
        }
    }

    @exclusivity(unchecked) private(set) var policy = TierPolicy.of(.normal)
    @exclusivity(unchecked) private(set) var limits: Limits
    /// Why the tier is what it is; for those who come in.
    @exclusivity(unchecked) private(set) var reason = ""
    @exclusivity(unchecked) var controller = InnerController()
    /// Whether it matters who makes the worker's work; see `InnerController.watchesSources`.
    @exclusivity(unchecked) private(set) var watchesSources = false
    /// How much of the worker's delays is its own doing.
    var ownDelays: OwnDelays
    var gate: ConnectionGate
    /// Answers that the tier lets others have, too.
    var answers = ResponseCache()
    @exclusivity(unchecked) private var windowStart: Int
    /// When the last step of the inner controller was logged, loop milliseconds.
    private var loggedAt = Int.min / 2
    private var loggedShedding = false
    /// Messages that were taken and have not been handed on yet: when, and how many.
    @exclusivity(unchecked) private var underWay: ContiguousArray<(nanoseconds: Int, count: Int)> = []
    @exclusivity(unchecked) private var committed = 0

    init(_ configuration: Configuration, at now: Int) {
        limits = Limits(.of(.normal), configuration)
        gate = ConnectionGate(at: now)
        ownDelays = OwnDelays(procRoot: configuration.procRoot)
        windowStart = now
    }

    func adopt(_ policy: TierPolicy, reason: String, _ configuration: Configuration, at now: Int) {
        if policy.newConnections != self.policy.newConnections { gate.ruleChanged(policy.newConnections, at: now) }
        self.policy = policy
        self.reason = reason
        limits = Limits(policy, configuration)
        answers = ResponseCache()
    }

    /// How many entries a read may have that asked for `wanted`: fewer under load, which is counted as `kind`.
    func readLimit(_ wanted: Int, _ kind: ShedKind, _ counters: WorkerCounters) -> Int {
        guard policy.limitsReads, let most = policy.readsMax, most < wanted else { return wanted }
        counters.shed(kind)
        return most
    }

    /// A step of the inner controller for the log: that it begins to shed (true), and that it ends, but not more often
    /// than every ten seconds.
    func stepToLog(at now: Int) -> Bool? {
        let isShedding = controller.admission.isShedding
        guard isShedding != loggedShedding, now - loggedAt >= 10_000 else { return nil }
        (loggedShedding, loggedAt) = (isShedding, now)
        return isShedding
    }

    /// A turn of the loop has ended: sees how long messages took, and what has become of the queue.
    /// - Parameter isThrottled: whether the process has used its quota of processor time up.
    func turnEnded(_ loop: EventLoop, _ counters: WorkerCounters, isThrottled: Bool, isDryRun: Bool) {
        let count = counters.committed.value - committed
        if count > 0 {
            underWay.append((loop.turnNanoseconds, count))
            committed += count
        }
        if !underWay.isEmpty, !loop.isRoundAwaited {
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
        // What others on the machine cause does not become less when the worker does less.
        let own = ownDelays.queueDelay(delay?.min ?? 0, isThrottled: isThrottled)
        counters.own.queueDelayMicroseconds.set(own)
        let busy = loop.takeBusyShare()
        if watchesSources { controller.turns.passed(milliseconds: elapsed) }
        guard !isDryRun else { return }
        controller.windowEnded(delayMicroseconds: delay.map { _ in own }, busy: busy, elapsed: elapsed)
        watchesSources = controller.watchesSources
        if !watchesSources { controller.turns.forgetWork() }
        loop.roundMilliseconds = max(policy.roundMilliseconds, controller.batching.milliseconds)
    }
}
