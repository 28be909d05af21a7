/// The limits of a process's control groups. Those of all groups on the way up hold at once.
struct CgroupLimits: Sendable {
    /// The least quota, and where it is counted how often it was used up.
    struct Quota: Sendable {
        let processors: Double
        let statPath: String
    }

    /// A group's memory limit, and where its use is counted.
    struct Memory: Sendable {
        let bytes: Int
        let usagePath: String
        /// Cached files that are not in use, in bytes: given up by the kernel before anything else, so they do not
        /// count.
        let inactiveFile: Int

        /// Bytes in use.
        func used(_ read: (String) -> String?) -> Int? {
            read(usagePath).flatMap { KernelText.number($0) }.map { max(0, $0 - inactiveFile) }
        }
    }

    /// nil: no quota.
    private(set) var quota: Quota?
    /// Of each group that has one.
    private(set) var memory: [Memory] = []
    /// The process's affinity; nil when it is not known.
    var allowedProcessors: Int?

    /// - Parameter machineBytes: the machine's memory: a limit above it is none. nil: not known.
    static func read(_ place: CgroupPlace, machineBytes: Int?, _ read: (String) -> String?) -> CgroupLimits {
        var limits = CgroupLimits()
        for group in place.cpu {
            guard let processors = processors(group, read), processors < limits.quota?.processors ?? .infinity else {
                continue
            }
            limits.quota = Quota(processors: processors, statPath: group.folder + "/cpu.stat")
        }
        limits.memory = place.memory.compactMap { memory($0, read) }.filter { $0.bytes < machineBytes ?? .max }
        return limits
    }

    private static func processors(_ group: CgroupPlace.Group, _ read: (String) -> String?) -> Double? {
        if group.isV2 { return read(group.folder + "/cpu.max").flatMap { CgroupFiles.processors(max: $0) } }
        guard let quota = read(group.folder + "/cpu.cfs_quota_us"),
            let period = read(group.folder + "/cpu.cfs_period_us")
        else { return nil }
        return CgroupFiles.processors(quota: quota, period: period)
    }

    private static func memory(_ group: CgroupPlace.Group, _ read: (String) -> String?) -> Memory? {
        let files = group.isV2 ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
        let limits = files.compactMap { read("\(group.folder)/\($0)").flatMap { CgroupFiles.limitBytes($0) } }
        guard let least = limits.min() else { return nil }
        let stat = read(group.folder + "/memory.stat") ?? ""
        // v1's counts the group alone under the plain name, and with those below it under the other.
        let inactive =
            group.isV2
            ? KernelText.number(after: "inactive_file", in: stat)
            : KernelText.number(after: "total_inactive_file", in: stat)
        return Memory(
            bytes: least, usagePath: group.folder + (group.isV2 ? "/memory.current" : "/memory.usage_in_bytes"),
            inactiveFile: inactive ?? 0)
    }
}
