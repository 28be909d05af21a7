/// The values of one look at the kernel's files. A value that this machine does not have, or that could not be read, is
/// nil.
package struct SystemReadings: Sendable, Equatable {
    /// Processors that the process kept busy since the last look.
    package var processorsUsed: Double?
    /// Processors that it may use: its affinity, and the least quota of its control groups.
    package var processorsMax: Double?
    /// Percent of the periods in which the quota was used up.
    package var throttledPercent: Double?
    /// The highest share of a memory limit that is in use, 0 … 1.
    package var memoryShare: Double?
    /// The least memory limit in bytes; the machine's memory when there is none.
    package var memoryMax: Int?
    /// The least memory limit in bytes; nil when there is none but the machine's memory.
    package var memoryLimit: Int?
    /// Whether the kernel had to take memory by force since the last look.
    package var memoryWasReclaimed = false
    /// Percent of the time in which some, or all, tasks waited for memory.
    package var memorySomePercent: Double?
    package var memoryFullPercent: Double?
    /// Percent of the time in which all tasks waited for the disk.
    package var ioFullPercent: Double?
    /// Percent of the time in which some task of the machine waited for a processor.
    package var cpuSomePercent: Double?
    /// Percent of the machine's processors that are busy, and that other virtual machines took.
    package var hostBusyPercent: Double?
    package var stolenPercent: Double?

    package init() {}
}

extension Readings {
    /// Takes over what the kernel's files said.
    package mutating func take(_ system: SystemReadings) {
        if let used = system.processorsUsed, let most = system.processorsMax, most > 0 { self[.cpu] = used / most }
        self[.cpuThrottled] = system.throttledPercent
        self[.memory] = system.memoryShare
        memoryLimit = system.memoryLimit
        self[.memorySome] = system.memorySomePercent
        self[.memoryFull] = system.memoryFullPercent
        self[.ioPressure] = system.ioFullPercent
        self[.cpuPressure] = system.cpuSomePercent
        self[.hostCPU] = system.hostBusyPercent
        self[.steal] = system.stolenPercent
    }
}

extension OwnDelay.Running {
    /// - Parameters:
    ///   - ran: microseconds of processor time.
    ///   - text: the thread's `schedstat`; without what is needed, it never waited.
    package init(ran: Int, schedstat text: String) {
        self.init(ran: ran, waited: (ProcFiles.waitedNanoseconds(schedstat: text) ?? 0) / 1000)
    }
}
