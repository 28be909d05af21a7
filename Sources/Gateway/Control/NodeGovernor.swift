import Logging
import NetworkIO
import Overload
import WireProtocol

/// Runs the governor: samples, has it decide, and notifies everybody of the tier.
///
/// Thread: the control loop's, which no worker can hold up.
final class NodeGovernor {
    /// Called when the node goes to another tier.
    var tierChanged: () -> Void = {}

    private static let emergencyMilliseconds = 1_000
    /// While memory presses, what was freed is given back so often: it may be all that presses.
    private static let givingBackMilliseconds = 10_000

    private let context: NodeContext
    private let sampler: NodeSampler
    private let logger: Logger
    private let interval: Int
    private var governor: Governor
    private var recorder: TraceRecorder
    /// The policy that the workers have.
    private var policy = TierPolicy.of(.normal)
    private var timer: PreciseTimer?
    private var actsAgainAt = 0
    private var gaveBackAt = 0
    /// When the next sample is due, on `Clock.monotonicMilliseconds()`.
    private var due: Int

    /// Begins to sample.
    init(context: NodeContext, loop: EventLoop) throws(SystemError) {
        self.context = context
        sampler = NodeSampler(context: context)
        logger = context.logger
        interval = context.configuration.governorIntervalMilliseconds
        let now = Clock.monotonicMilliseconds()
        governor = Governor(context.configuration.governor, at: now, unix: context.startedAt)
        recorder = TraceRecorder(context: context, at: now)
        due = now + interval
        timer = try PreciseTimer(loop: loop) { [unowned self] in sample() }
        context.mail.governor.connect(to: loop.wakeHandle)
        schedule()
    }

    /// Ends the sampling. Before the loop ends.
    func stop() {
        timer = nil
        context.mail.governor.connect(to: nil)
    }

    /// There may be requests.
    func woken() {
        var traces: [(TraceWanted, Responder)] = []
        for request in context.mail.governor.takeAll() {
            switch request {
            case .hold(let tier, let responder): hold(tier, responder)
            case .trace(let wanted, let responder): traces.append((wanted, responder))
            }
        }
        recorder.answer(traces, at: Clock.monotonicMilliseconds())
    }

    private func hold(_ tier: Tier?, _ responder: Responder) {
        let time = Clock.unixMilliseconds()
        let change = governor.pinned(to: tier, at: Clock.monotonicMilliseconds(), unix: time)
        let response = governor.report.tierResponse
        publish(change)
        context.reports.forget()
        responder.answer(response, by: context)
    }

    private func schedule() { timer?.schedule(at: due * 1_000_000) }

    private func sample() {
        let start = Clock.threadNanoseconds()
        let now = Clock.monotonicMilliseconds()
        let sample = sampler.sample(lateness: now - due, at: now)
        let change = governor.sampled(
            sample.readings, emergency: sample.emergency, demand: sample.demand, at: now,
            unix: Clock.unixMilliseconds())
        recorder.sampled(sample, governor.report, at: now)
        // What was missed is not made up for.
        due = max(due + interval, now + interval / 2)
        schedule()
        publish(change)
        if let emergency = sample.emergency { act(on: emergency, unsentBytesMax: sample.unsentBytesMax, at: now) }
        giveBackMemory(at: now)
        governor.sampled(seconds: Double(Clock.threadNanoseconds() - start) / 1_000_000_000)
    }

    /// Does what can't wait for a tier to work, a second at a time.
    private func act(on emergency: Emergency, unsentBytesMax: Int?, at now: Int) {
        guard !governor.report.isDryRun, now >= actsAgainAt else { return }
        actsAgainAt = now + Self.emergencyMilliseconds
        // Half of the budget that there is left for each worker: a backlog that is cut is cut well below its limit.
        let bytesMax = (unsentBytesMax ?? .max) / 2 / context.workerCount
        logger.warning(
            "an emergency",
            metadata: [
                "of": "\(emergency)", "takes_few": "\(emergency.slowsAccepting)",
                "cuts_backlogs": "\(emergency.cutsBacklogs)",
            ])
        context.order(.mitigate(emergency, unsentBytesMax: bytesMax))
        guard emergency.cutsBacklogs else { return }
        ProcessMemory.giveBackFree()
        gaveBackAt = now
    }

    /// The allocator keeps most of what is freed, for ever: deleted rooms would hold the node on a tier.
    private func giveBackMemory(at now: Int) {
        let presses = governor.report.readings.contains { $0.signal == .memory && $0.pressure > 0.1 }
        guard presses, !governor.report.isDryRun, now - gaveBackAt >= Self.givingBackMilliseconds else { return }
        gaveBackAt = now
        ProcessMemory.giveBackFree()
    }

    /// Publishes how the governor stands, then has the workers act on it.
    private func publish(_ change: TierChange?) {
        let report = governor.report
        context.governor.withLock { $0 = report }
        if let change { announce(change, report) }
        let next = TierPolicy.of(report.tiersInEffect)
        guard next != policy else { return }
        policy = next
        context.reports.forget()
        if change == nil {
            logger.notice(
                "the tier stays and gives up something else",
                metadata: [
                    "tier": "\(report.tier.name)", "reason": "\(report.reason ?? "")",
                    "gives_up": "\(TierTable.summary(of: next))",
                ])
        }
        context.order(.adopt(next, reason: change?.reason ?? report.reason ?? Governor.Reason.recovered))
        if change != nil { tierChanged() }
    }

    private func announce(_ change: TierChange, _ report: GovernorReport) {
        context.reports.forget()
        var fields: Logger.Metadata = [
            "from": "\(change.from.name)", "to": "\(change.to.name)", "reason": "\(change.reason)",
            "pressure": "\((report.pressure * 100).rounded() / 100)", "pinned": "\(report.isPinned)",
            "gives_up": "\(TierTable.summary(of: .of(report.tiers)))",
        ]
        if let cause = change.cause { fields["probable_cause"] = "\(cause.name)" }
        logger.notice(
            report.isDryRun ? "the tier would change; this is a dry run" : "the tier changes", metadata: fields)
        context.publish(.tier(change))
    }
}
