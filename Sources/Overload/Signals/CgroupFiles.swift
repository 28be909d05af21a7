/// Reads the files of a control group, in both versions. Each function reads one file's text; what is missing, garbled
/// or means "no limit" is nil.
enum CgroupFiles {
    /// v1 says "no limit" as the largest multiple of the page size; nobody has that much.
    private static let unlimitedBytes = 1 << 60

    /// Processors that `cpu.max` grants: quota ÷ period.
    static func processors(max text: String) -> Double? {
        let words = KernelText.words(text)
        guard words.count == 2, let quota = Int(words[0]), let period = Int(words[1]) else { return nil }
        return processors(quota: quota, period: period)
    }

    /// The same of v1's two files; a quota of −1 is none.
    static func processors(quota: String, period: String) -> Double? {
        guard let quota = KernelText.number(quota), let period = KernelText.number(period) else { return nil }
        return processors(quota: quota, period: period)
    }

    private static func processors(quota: Int, period: Int) -> Double? {
        quota > 0 && period > 0 ? Double(quota) / Double(period) : nil
    }

    /// The bytes that a limit's file names; "max" is none.
    static func limitBytes(_ text: String) -> Int? {
        guard let bytes = KernelText.number(text), bytes > 0, bytes < unlimitedBytes else { return nil }
        return bytes
    }

    /// How many periods there were since the start in which the quota was set, and in how many it was used up.
    struct Throttling: Equatable {
        var periods: Int
        var throttled: Int
    }

    static func throttling(cpuStat text: String) -> Throttling? {
        guard let periods = KernelText.number(after: "nr_periods", in: text),
            let throttled = KernelText.number(after: "nr_throttled", in: text)
        else { return nil }
        return Throttling(periods: periods, throttled: throttled)
    }

    /// How often the group ran into its limit, and how often that could not be helped.
    struct MemoryEvents: Equatable {
        var max: Int
        var oom: Int
    }

    static func memoryEvents(_ text: String) -> MemoryEvents? {
        guard let max = KernelText.number(after: "max", in: text) else { return nil }
        let oom = KernelText.number(after: "oom", in: text) ?? 0
        let kills = KernelText.number(after: "oom_kill", in: text) ?? 0
        return MemoryEvents(max: max, oom: oom &+ kills)
    }
}
