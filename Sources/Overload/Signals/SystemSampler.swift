/// Looks at the kernel's files and makes readings of them: keeps the counters of the last look, and finds out rarely
/// what changes rarely. Reads nothing itself: a file's text comes from a closure.
package struct SystemSampler: Sendable {
    /// Facts that the sampler can't find in the files.
    package struct Settings: Sendable {
        /// PROC_ROOT and CGROUP_ROOT.
        package var procRoot: String
        package var cgroupRoot: String
        /// GOVERNOR_MEMORY_LIMIT_BYTES; nil: only the kernel's limits.
        package var memoryMax: Int?
        package var pageBytes: Int
        /// Of processor times in /proc.
        package var ticksPerSecond: Int
        /// Processors of the machine, where the files do not say.
        package var processors: Int

        package init(
            procRoot: String, cgroupRoot: String, memoryMax: Int?, pageBytes: Int, ticksPerSecond: Int, processors: Int
        ) {
            self.procRoot = procRoot
            self.cgroupRoot = cgroupRoot
            self.memoryMax = memoryMax
            self.pageBytes = pageBytes
            self.ticksPerSecond = ticksPerSecond
            self.processors = processors
        }
    }

    /// Where the groups lie changes when somebody moves the process; limits, when somebody sets them.
    private static let placeMilliseconds = 10_000
    private static let limitMilliseconds = 1_000
    /// How often to read the load of others on the machine, and waits that the kernel adds up anyway: not at each
    /// sample, as each file costs some 10 µs.
    private static let machineMilliseconds = 500

    private let settings: Settings
    private var place: (CgroupPlace, at: Int)?
    private var limits: (CgroupLimits, at: Int)?
    private var machineAt: Int?
    private var processorTime = CounterChange()
    private var hostTime = CounterChange()
    private var throttling = CounterChange()
    private var memoryEvents = CounterChange()
    private var memorySome = CounterChange()
    private var memoryFull = CounterChange()
    private var ioFull = CounterChange()
    private var cpuSome = CounterChange()

    package init(_ settings: Settings) { self.settings = settings }

    /// Looks once.
    /// - Parameters:
    ///   - now: milliseconds of a monotonic clock.
    ///   - read: a file's text; nil when it is not there.
    package mutating func sampled(at now: Int, read: (String) -> String?) -> SystemReadings {
        var readings = SystemReadings()
        let place = refreshedPlace(at: now, read)
        let limits = refreshedLimits(of: place, at: now, read)
        readProcessors(&readings, limits, at: now, read)
        readMemory(&readings, limits, read)
        readMemoryEvents(&readings, place, at: now, read)
        if machineAt.map({ now - $0 >= Self.machineMilliseconds }) ?? true {
            machineAt = now
            readHost(&readings, at: now, read)
            readStalls(&readings, place, at: now, read)
        }
        return readings
    }

    private func proc(_ name: String) -> String { settings.procRoot + "/" + name }

    private mutating func refreshedPlace(at now: Int, _ read: (String) -> String?) -> CgroupPlace {
        if let place, now - place.at < Self.placeMilliseconds { return place.0 }
        let found = CgroupPlace.find(read(proc("self/cgroup")), root: settings.cgroupRoot, read: read)
        if found != place?.0 { limits = nil }
        place = (found, now)
        return found
    }

    private mutating func refreshedLimits(
        of place: CgroupPlace, at now: Int, _ read: (String) -> String?
    ) -> CgroupLimits {
        if let limits, now - limits.at < Self.limitMilliseconds { return limits.0 }
        let machine = read(proc("meminfo")).flatMap { ProcFiles.memoryInfo($0) }
        var found = CgroupLimits.read(place, machineBytes: machine?.total, read)
        found.allowedProcessors = read(proc("self/status")).flatMap { ProcFiles.allowedProcessors(status: $0) }
        limits = (found, now)
        return found
    }

    private mutating func readProcessors(
        _ readings: inout SystemReadings, _ limits: CgroupLimits, at now: Int, _ read: (String) -> String?
    ) {
        let ticks = read(proc("self/stat")).flatMap { ProcFiles.processorTicks(stat: $0) }
        if let (changes, milliseconds) = processorTime.sampled(ticks.map { [$0] }, at: now) {
            let seconds = Double(changes[0]) / Double(settings.ticksPerSecond)
            readings.processorsUsed = seconds * 1000 / Double(milliseconds)
        }
        let allowed = Double(limits.allowedProcessors ?? settings.processors)
        readings.processorsMax = min(allowed, limits.quota?.processors ?? allowed)
        let stat = limits.quota.flatMap { read($0.statPath) }.flatMap { CgroupFiles.throttling(cpuStat: $0) }
        if let (changes, _) = throttling.sampled(stat.map { [$0.periods, $0.throttled] }, at: now), changes[0] > 0 {
            readings.throttledPercent = min(100, 100 * Double(changes[1]) / Double(changes[0]))
        }
    }

    private mutating func readHost(_ readings: inout SystemReadings, at now: Int, _ read: (String) -> String?) {
        let host = read(proc("stat")).flatMap { ProcFiles.hostTime(stat: $0) }
        guard let (changes, _) = hostTime.sampled(host.map { [$0.total, $0.busy, $0.stolen] }, at: now), changes[0] > 0
        else { return }
        readings.hostBusyPercent = 100 * Double(changes[1]) / Double(changes[0])
        readings.stolenPercent = 100 * Double(changes[2]) / Double(changes[0])
    }

    private func readMemory(
        _ readings: inout SystemReadings, _ limits: CgroupLimits, _ read: (String) -> String?
    ) {
        let least = (limits.memory.map(\.bytes) + [settings.memoryMax].compactMap { $0 }).min()
        var resident: Double?
        if settings.memoryMax != nil || least == nil {
            resident = read(proc("self/statm")).flatMap { ProcFiles.residentPages(statm: $0) }
                .map { Double($0) * Double(settings.pageBytes) }
        }
        var shares: [Double] = []
        if let most = settings.memoryMax, let resident { shares.append(resident / Double(most)) }
        for limit in limits.memory {
            guard let used = limit.used(read) else { continue }
            shares.append(Double(used) / Double(limit.bytes))
        }
        readings.memoryMax = least
        readings.memoryLimit = least
        if least == nil, let machine = read(proc("meminfo")).flatMap({ ProcFiles.memoryInfo($0) }) {
            readings.memoryMax = machine.total
            if let available = machine.available {
                shares.append(Double(machine.total - available) / Double(machine.total))
            }
            if let resident { shares.append(resident / Double(machine.total)) }
        }
        readings.memoryShare = shares.max()
    }

    /// Running into the limit is what a group full of cached files does all the time; it is an alarm only when there is
    /// little but memory in use.
    private mutating func readMemoryEvents(
        _ readings: inout SystemReadings, _ place: CgroupPlace, at now: Int, _ read: (String) -> String?
    ) {
        let events = place.memory.first.flatMap { $0.isV2 ? read($0.folder + "/memory.events") : nil }
            .flatMap { CgroupFiles.memoryEvents($0) }
        guard let (changes, _) = memoryEvents.sampled(events.map { [$0.max, $0.oom] }, at: now) else { return }
        let isTight = readings.memoryShare.map { $0 >= Self.tightShare } ?? true
        readings.memoryWasReclaimed = changes[1] > 0 || changes[0] > 0 && isTight
    }

    private static let tightShare = 0.85

    private mutating func readStalls(
        _ readings: inout SystemReadings, _ place: CgroupPlace, at now: Int, _ read: (String) -> String?
    ) {
        /// The group's own file, else the machine's.
        func pressure(_ group: CgroupPlace.Group?, _ name: String) -> String? {
            group.flatMap { $0.isV2 ? read("\($0.folder)/\(name).pressure") : nil } ?? read(proc("pressure/\(name)"))
        }
        let memory = pressure(place.memory.first, "memory")
        readings.memorySomePercent = percent(&memorySome, "some", memory, at: now)
        readings.memoryFullPercent = percent(&memoryFull, "full", memory, at: now)
        readings.ioFullPercent = percent(&ioFull, "full", pressure(place.io.first, "io"), at: now)
        // The machine's, as it stands for what others cause.
        let cpu = read(proc("pressure/cpu")) ?? pressure(place.cpu.first, "cpu")
        readings.cpuSomePercent = percent(&cpuSome, "some", cpu, at: now)
    }

    private func percent(
        _ counter: inout CounterChange, _ kind: StaticString, _ text: String?, at now: Int
    ) -> Double? {
        let total = text.flatMap { ProcFiles.stalledMicroseconds(kind, pressure: $0) }
        guard let (changes, milliseconds) = counter.sampled(total.map { [$0] }, at: now) else { return nil }
        return min(100, Double(changes[0]) / Double(milliseconds) / 10)
    }
}
