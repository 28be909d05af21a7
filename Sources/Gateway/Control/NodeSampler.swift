import NetworkIO
import Overload
import Synchronization

/// Takes the samples that the governor decides on: from the kernel's files, and from what the workers count. No worker
/// is asked, so one that stands still is seen instead of waited for.
///
/// Thread: the control loop's.
final class NodeSampler {
    /// The values of one sample.
    struct Sample {
        var readings = Readings()
        var emergency: Emergency?
        var demand = Demand()
        /// Bytes that clients may leave unsent; nil when the memory limit is not known.
        var unsentBytesMax: Int?
    }

    /// Kinds of shed work that arrive as frames. The other kinds are consequences of these, connections, or the same
    /// work done in another way.
    private static let frameKinds: [ShedKind] = [
        .typing, .readMarks, .history, .users, .joins, .messages, .directs, .largeMessages,
    ]
    /// A sample that comes so late says nothing about delays: the whole process, or the machine, has stood still.
    private static let lateMilliseconds = 250
    /// After it workers still count their late ticks.
    private static let blindMilliseconds = 500

    private let context: NodeContext
    private let files = FileReader()
    private var system: SystemSampler
    private var lag = LagWindow()
    private var demand = DemandMeter()
    private var openFiles = OpenFileCount()
    private var descriptorFailures = 0
    /// Frames that were over a connection's rate: all, and those that came while a tier had lowered it.
    private var overRate = (total: 0, byTier: 0)
    private var blindUntil = 0

    init(context: NodeContext) {
        self.context = context
        system = SystemSampler(SystemSampler.Settings(context.configuration))
    }

    /// The memory that the process may use, in bytes: by a setting or a control group, else the machine's; nil when the
    /// kernel says nothing.
    static func memoryMax(_ configuration: Configuration) -> Int? {
        let files = FileReader()
        var system = SystemSampler(SystemSampler.Settings(configuration))
        return system.sampled(at: 0) { files.text(of: $0) }.memoryMax
    }

    /// - Parameters:
    ///   - lateness: by how many milliseconds the sample comes too late.
    ///   - now: milliseconds of a monotonic clock.
    func sample(lateness: Int, at now: Int) -> Sample {
        var sample = Sample()
        let found = system.sampled(at: now) { files.text(of: $0) }
        sample.readings.take(found)
        context.budgets.isThrottled.store(found.throttledPercent ?? 0 > 0, ordering: .relaxed)
        sample.unsentBytesMax = found.memoryMax.map { Int(Double($0) * Emergency.Limits.sendQueueBudgetShare) }
        allowStored(found)
        readWorkers(&sample.readings, unsentMax: sample.unsentBytesMax)
        readStore(&sample.readings)
        if lateness > Self.lateMilliseconds { blindUntil = now + Self.blindMilliseconds }
        let isBlind = now < blindUntil
        if !isBlind {
            sample.readings[.loopLag] = lag.sampled(context.counters.map { $0.own.lagMilliseconds.value }, at: now)
        }
        sample.emergency = Emergency.found(
            in: sample.readings, stallMilliseconds: isBlind ? 0 : stall(at: now),
            memoryWasReclaimed: found.memoryWasReclaimed, outOfDescriptors: wasOutOfDescriptors())
        let shed = Self.frameKinds.reduce(0) { total, kind in
            total + context.counters.reduce(0) { $0 + $1.shedCount(kind) }
        }
        let suppressed = shed + refusedByTier()
        let frames = context.counters.reduce(0) { $0 + $1.messagesIn.value }
        sample.demand = demand.sampled(admitted: max(0, frames - suppressed), suppressed: suppressed, at: now)
        let connections = context.connections.sockets
        sample.readings[.connections] = Double(connections) / Double(max(context.connections.most, 1))
        let open = openFiles.sampled(connections: connections, root: context.configuration.procRoot, at: now)
        sample.readings[.openFiles] = open.map { Double($0) / Double(max(context.connections.openFilesMax, 1)) }
        return sample
    }

    /// For how long the slowest worker has not gone round; one that has not begun is not meant.
    private func stall(at now: Int) -> Int {
        context.counters.reduce(0) { longest, worker in
            let turned = worker.turnedAt.value
            return turned == 0 ? longest : max(longest, now - turned)
        }
    }

    /// Until the next sample no more may be stored than there is place for below the emergency mark: so publishing ends
    /// before the limit is passed, however fast it is. Of a machine without a limit others have their share, too, and
    /// what is free of it says little.
    private func allowStored(_ found: SystemReadings) {
        guard !context.configuration.governor.isDryRun, let limit = found.memoryLimit, let share = found.memoryShare
        else { return context.budgets.stored.allow(.max) }
        let free = (Emergency.Limits.memoryShare - share) * Double(limit)
        let stored = context.counters.reduce(0) { $0 + $1.stored.bytes }
        context.budgets.stored.allow(stored + Int(free))
    }

    private func readWorkers(_ readings: inout Readings, unsentMax: Int?) {
        let delay = context.counters.map { $0.own.queueDelayMicroseconds.value }.max() ?? 0
        readings[.queueDelay] = Double(delay) / 1000
        let unsent = context.counters.reduce(0) { $0 + $1.queuedBytes.value }
        readings[.sendQueue] = unsentMax.map { Double(unsent) / Double(max($0, 1)) }
    }

    private func readStore(_ readings: inout Readings) {
        guard context.configuration.redis != nil else { return }
        let links = context.counters.map(\.store)
        // Of a store that is away there is only the round trip before that.
        let reached = links.filter { $0.state == .online && $0.latencyMicroseconds.value > 0 }
        readings[.redisRoundtrip] = reached.map { Double($0.latencyMicroseconds.value) / 1000 }.max()
        let workers = Double(context.workerCount)
        let (messages, bytes) = (context.configuration.outboxMessagesMax, context.configuration.outboxBytesMax)
        // Each worker has its part of the outbox.
        readings[.outbox] = links.map { link in
            max(
                Double(link.outboxMessages.value) * workers / Double(messages),
                Double(link.outboxBytes.value) * workers / Double(bytes))
        }.max()
    }

    /// Frames that were refused since the start as they were over a rate that a tier had lowered. Some would have been
    /// over the configured one, too; which, is not known.
    private func refusedByTier() -> Int {
        let total = context.counters.reduce(0) { $0 + $1.count(.rateLimited) }
        let policy = TierPolicy.of(context.governor.current.tiersInEffect)
        if policy.messageRateDivisor > 1 { overRate.byTier += total - overRate.total }
        overRate.total = total
        return overRate.byTier
    }

    private func wasOutOfDescriptors() -> Bool {
        let failures = context.counters.reduce(0) { $0 + $1.count(.openFiles) }
        defer { descriptorFailures = failures }
        return failures > descriptorFailures
    }
}

extension SystemSampler.Settings {
    init(_ configuration: Configuration) {
        self.init(
            procRoot: configuration.procRoot, cgroupRoot: configuration.cgroupRoot,
            memoryMax: configuration.governorMemoryMax, pageBytes: ProcessLimits.pageBytes(),
            ticksPerSecond: ProcessLimits.ticksPerSecond(), processors: ProcessLimits.processors())
    }
}
