import NetworkIO
import Toolkit

/// Everything that the parent has gathered so far: totals, the phase that runs, and the second that runs.
struct RunRecord {
    struct PhaseCounts {
        var name = ""
        var startSecond = 0.0
        var endSecond = 0.0
        var offered: Double?
        var isMeasured = false
        var counts = LoadCounts()
        /// The second of this phase in which all was normal again; of the recovery.
        var normalSince: Double?
        var worstTier: String?

        var seconds: Double { max(endSecond - startSecond, 0.001) }
        var ackedPerSecond: Double { Double(counts.acked) / seconds }
    }

    /// The recovery ends when all is normal again for this long.
    private static let normalSeconds = 2.0

    let plan: Plan
    private let unixStart = Clock.unixMilliseconds()
    private var monotonicStart = Clock.monotonicMilliseconds()
    private(set) var total = LoadCounts()
    /// Over all measured phases.
    private(set) var measured = LoadCounts()
    private(set) var measuredSeconds = 0.0
    private(set) var phase = PhaseCounts()
    private(set) var phases: [LoadReport.Phase] = []
    private(set) var connectSeconds: Double?
    private(set) var steps: [LoadReport.OverloadStep] = []
    private(set) var storm: LoadReport.Storm?
    private(set) var timeline: [LoadReport.Sample] = []
    private var second = LoadCounts()
    /// CPU time per process in this second, and the largest share that any had.
    private var cpuShares: [Double]
    private(set) var cpuShareMax = 0.0
    private(set) var host = HostMeter()
    private(set) var busyProcesses: Set<Int> = []
    private(set) var lost = 0
    /// Connections that are open.
    var connected = 0
    var endedEarly = false

    init(plan: Plan) {
        self.plan = plan
        cpuShares = Array(repeating: 0, count: plan.processes)
    }

    mutating func start() { monotonicStart = Clock.monotonicMilliseconds() }

    var now: Double { Double(Clock.monotonicMilliseconds() - monotonicStart) / 1000 }
    var startedAt: Int { unixStart }
    var isMeasured: Bool { phase.isMeasured }

    /// All that is a breach of what the server promises.
    var faults: SequenceFaults {
        var faults = total.faults
        faults.lost += lost
        return faults
    }

    mutating func add(_ counts: LoadCounts, process: Int) {
        total.add(counts)
        second.add(counts)
        phase.counts.add(counts)
        // Shorter intervals say little.
        guard counts.wallMicroseconds > 500_000 else { return }
        let share = Double(counts.cpuMicroseconds) / Double(counts.wallMicroseconds)
        cpuShares[process] = share
        guard phase.isMeasured else { return }
        cpuShareMax = max(cpuShareMax, share)
        if share > LoadReport.Tool.busyShare { busyProcesses.insert(process) }
    }

    // MARK: Phases

    // A phase begins, ends, and is then concluded with what it was for.

    mutating func beginPhase(_ name: String, offered: Double?, isMeasured: Bool) {
        phase = PhaseCounts(name: name, startSecond: now, offered: offered, isMeasured: isMeasured)
    }

    mutating func endPhase() {
        phase.endSecond = now
        if phase.name == "connect" { connectSeconds = phase.seconds }
        if phase.isMeasured {
            measured.add(phase.counts)
            measuredSeconds += phase.seconds
        }
        phases.append(
            LoadReport.Phase(
                name: phase.name, startSecond: phase.startSecond, endSecond: phase.endSecond,
                offeredPerSecond: phase.offered, worstTier: phase.worstTier))
    }

    mutating func stormEnded(milliseconds: Double?, isComplete: Bool) {
        storm = LoadReport.Storm(
            connections: connected, recoverySeconds: isComplete ? milliseconds.map { $0 / 1000 } : nil,
            failedAttempts: phase.counts.failedCount, replayed: phase.counts.delivered, gaps: phase.counts.gaps)
    }

    mutating func stepEnded(name: String, factor: Double, offered: Double, worstTier: String?) {
        let counts = phase.counts
        steps.append(
            LoadReport.OverloadStep(
                name: name, factor: factor, offeredPerSecond: offered, goodputPerSecond: phase.ackedPerSecond,
                p50: counts.delivery.milliseconds(at: 50) ?? 0, p99: counts.delivery.milliseconds(at: 99) ?? 0,
                refusedPerSecond: Double(counts.refusedCount) / phase.seconds,
                worstTier: NodeStatus.worstTier([phase.worstTier, worstTier].compactMap(\.self)),
                recoverySeconds: name == "recovery" ? phase.normalSince : nil))
    }

    mutating func settled(lost: Int) { self.lost = lost }

    // MARK: Seconds

    mutating func closeSecond(tier: String?, pressure: Double?, shed: [String: Int]?) {
        host.passed(isMeasured: phase.isMeasured)
        timeline.append(
            LoadReport.Sample(
                second: now, connected: connected, sent: second.sent, delivered: second.delivered,
                refused: second.refusedCount, p50: second.delivery.milliseconds(at: 50),
                p99: second.delivery.milliseconds(at: 99), max: second.delivery.maxMilliseconds, tier: tier,
                pressure: pressure, shed: shed))
        phase.worstTier = NodeStatus.worstTier([phase.worstTier, tier].compactMap(\.self))
        noteRecovery(tier)
        second.reset()
    }

    /// Normal again: what is offered is taken, and the node says nothing else.
    private mutating func noteRecovery(_ tier: String?) {
        guard phase.name == "recovery", let offered = phase.offered else { return }
        let isNormal = Double(second.acked) >= offered * 0.9 && (tier ?? "normal") == "normal"
        phase.normalSince = isNormal ? phase.normalSince ?? now - phase.startSecond : nil
    }

    /// Whether the recovery has lasted for long enough to be believed.
    var hasRecovered: Bool {
        phase.normalSince.map { now - phase.startSecond - $0 >= Self.normalSeconds } ?? false
    }

    /// The share of one CPU that each loading process used in the last second.
    var cpuShareNow: Double { cpuShares.max() ?? 0 }
}
