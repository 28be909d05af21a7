import CLibuv

/// Looks at other processes of this machine through /proc. Any thread.
package enum ProcessTable {
    /// The process that listens on a TCP port, as far as this user may see it: the socket's inode in /proc/net/tcp and
    /// tcp6, then the process that has it open.
    package static func listener(port: UInt16) -> Int? {
        var inodes: Set<Substring> = []
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in text(path).split(separator: "\n").dropFirst() {
                // sl, local address, remote address, state (0A is LISTEN), …, inode in the tenth place (proc(5)).
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":") else { continue }
                let hex = fields[1][fields[1].index(after: colon)...]
                if UInt16(hex, radix: 16) == port { inodes.insert(fields[9]) }
            }
        }
        guard !inodes.isEmpty else { return nil }
        let links = Set(inodes.map { "socket:[\($0)]" })
        return names("/proc").compactMap { Int($0) }.first { pid in
            names("/proc/\(pid)/fd").contains { links.contains(link("/proc/\(pid)/fd/\($0)")) }
        }
    }

    /// User and system time of a process in seconds: fields 14 and 15 of its stat, in clock ticks.
    package static func cpuSeconds(pid: Int) -> Double? {
        // The name in parentheses may hold blanks and parentheses.
        let stat = text("/proc/\(pid)/stat")
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Time of all of the machine's processors since its start, in clock ticks: in use or stolen, and all; nil
    /// where the kernel does not say.
    package static func hostTicks() -> (busy: Int, all: Int)? {
        guard let line = text("/proc/stat").split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        // user nice system idle iowait irq softirq steal; what guests had is in user.
        let fields = line.split(separator: " ").dropFirst().prefix(8).compactMap { Int($0) }
        guard fields.count >= 5 else { return nil }
        let all = fields.reduce(0, +)
        return (all - fields[3] - fields[4], all)
    }

    /// Memory of a process with shared pages in proportion (PSS), in bytes.
    package static func proportionalBytes(pid: Int) -> Int? {
        for line in text("/proc/\(pid)/smaps_rollup").split(separator: "\n") where line.hasPrefix("Pss:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }

    /// This machine's processors and memory in words.
    package static var machine: String {
        let cpu = text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        let model = cpu.flatMap { $0.split(separator: ":").dropFirst().first } ?? " unknown processor"
        let memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / (1 << 30)
        let kernel = text("/proc/sys/kernel/osrelease").split(separator: "\n").first ?? "?"
        return "\(ProcessLimits.processors()) x\(model), \(memory) GiB, Linux \(kernel)"
    }

    private static func text(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names in a folder, "." and ".." included; none when it can't be read.
    static func names(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }

    private static func link(_ path: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            let length = readlink(path, base, buffer.count)
            return length > 0
                ? String(decoding: UnsafeRawBufferPointer(start: base, count: length), as: UTF8.self) : ""
        }
    }
}
