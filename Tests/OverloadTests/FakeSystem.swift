@testable import Overload

/// A /proc and a tree of control groups that a test writes: what is not written is not there.
struct FakeSystem {
    static let ticksPerSecond = 100
    static let pageBytes = 4096
    static let mebibyte = 1 << 20

    /// By path below the root, such as "proc/self/stat" and "cgroup/memory.max".
    var files: [String: String] = [:]

    var settings: SystemSampler.Settings {
        SystemSampler.Settings(
            procRoot: "/fake/proc", cgroupRoot: "/fake/cgroup", memoryMax: nil, pageBytes: Self.pageBytes,
            ticksPerSecond: Self.ticksPerSecond, processors: 2)
    }

    func read(_ path: String) -> String? { path.hasPrefix("/fake/") ? files[String(path.dropFirst(6))] : nil }

    /// The process itself.
    mutating func setProcess(processorTicks: Int, residentMebibytes: Int = 50) {
        files["proc/self/stat"] =
            "77 (a (node) x) S 1 77 77 0 -1 4194304 100 0 0 0 \(processorTicks - 1) 1 0 0 20 0 4 0 99 1000 10\n"
        files["proc/self/statm"] = "90000 \(residentMebibytes * Self.mebibyte / Self.pageBytes) 300 50 0 4000 0\n"
    }

    mutating func setHost(busyTicks: Int, idleTicks: Int, stolenTicks: Int = 0) {
        files["proc/stat"] =
            "cpu  \(busyTicks) 0 0 \(idleTicks) 0 0 0 \(stolenTicks) 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1 2 3\n"
    }

    mutating func setMemory(totalMebibytes: Int, availableMebibytes: Int) {
        files["proc/meminfo"] =
            "MemTotal:       \(totalMebibytes * 1024) kB\nMemFree:        1 kB\n"
            + "MemAvailable:   \(availableMebibytes * 1024) kB\nBuffers:        2 kB\n"
    }

    mutating func setPressure(_ path: String, someMicroseconds: Int, fullMicroseconds: Int = 0) {
        files[path] =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=\(someMicroseconds)\n"
            + "full avg10=99.00 avg60=99.00 avg300=99.00 total=\(fullMicroseconds)\n"
    }

    /// A machine of two processors with 8 GiB, in use by a third, and no control groups.
    static var quiet: FakeSystem {
        var system = FakeSystem()
        system.setProcess(processorTicks: 100)
        system.setHost(busyTicks: 1000, idleTicks: 9000)
        system.setMemory(totalMebibytes: 8192, availableMebibytes: 5461)
        for name in ["cpu", "memory", "io"] { system.setPressure("proc/pressure/\(name)", someMicroseconds: 0) }
        system.files["proc/self/status"] = "Name:\tnode\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"
        return system
    }
}
