/// Reads the files of /proc. Each function reads one file's text; what is missing or garbled is nil.
enum ProcFiles {
    /// The processor time of a process in clock ticks, user and system: fields 14 and 15 of `self/stat`.
    static func processorTicks(stat text: String) -> Int? {
        // The program's name in parentheses may hold blanks and parentheses.
        guard let end = text.utf8.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = text[text.index(after: end)...].utf8.split(
            separator: UInt8(ascii: " "), maxSplits: 13, omittingEmptySubsequences: true)
        guard fields.count > 13, let user = Int(Substring(fields[11])), let system = Int(Substring(fields[12])),
            user >= 0, system >= 0
        else { return nil }
        return user.addingReportingOverflow(system).overflow ? nil : user + system
    }

    /// Resident memory in pages: the second number of `self/statm`.
    static func residentPages(statm text: String) -> Int? {
        let words = KernelText.words(text)
        guard words.count > 1, let pages = Int(words[1]), pages >= 0 else { return nil }
        return pages
    }

    /// How many processors the process may run on: the bits of `Cpus_allowed` in `self/status`.
    static func allowedProcessors(status text: String) -> Int? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) else { return nil }
        var count = 0
        for digit in line.dropFirst("Cpus_allowed:".count) where digit != "," && digit != "\t" && digit != " " {
            guard let bits = digit.hexDigitValue else { return nil }
            count += bits.nonzeroBitCount
        }
        return count > 0 ? count : nil
    }

    /// The time of all processors of the machine since it started, in clock ticks.
    struct HostTime: Equatable {
        var total: Int
        var busy: Int
        /// Given to other virtual machines.
        var stolen: Int
    }

    /// The first line of `stat`: user, nice, system, idle, iowait, irq, softirq, steal; what guests use is in user
    /// already.
    static func hostTime(stat text: String) -> HostTime? {
        guard let fields = KernelText.numbers(after: "cpu", in: text), fields.count >= 4 else { return nil }
        let counted = fields.prefix(8)
        var total = 0
        for field in counted {
            let (sum, isOver) = total.addingReportingOverflow(field)
            guard !isOver else { return nil }
            total = sum
        }
        let idle = fields[3] + (fields.count > 4 ? fields[4] : 0)
        return HostTime(total: total, busy: total - idle, stolen: fields.count > 7 ? fields[7] : 0)
    }

    /// The machine's memory in bytes.
    struct MemoryInfo: Equatable {
        var total: Int
        /// nil with kernels before 3.14.
        var available: Int?
    }

    static func memoryInfo(_ text: String) -> MemoryInfo? {
        guard let total = KernelText.number(after: "MemTotal", in: text), total > 0, total < 1 << 50 else { return nil }
        let available = KernelText.number(after: "MemAvailable", in: text)
        return MemoryInfo(total: total * 1024, available: available.flatMap { $0 <= total ? $0 * 1024 : nil })
    }

    /// For how many nanoseconds a thread could have run and had no processor since its start: the second number of its
    /// `schedstat` (Documentation/scheduler/sched-stats).
    static func waitedNanoseconds(schedstat text: String) -> Int? {
        let words = KernelText.words(text)
        guard words.count > 1, let waited = Int(words[1]), waited >= 0 else { return nil }
        return waited
    }

    /// For how many microseconds some, or all, tasks were held up since the start: `total` of a pressure file's line.
    static func stalledMicroseconds(_ kind: StaticString, pressure text: String) -> Int? {
        KernelText.number(behind: "total=", after: kind, in: text)
    }
}
