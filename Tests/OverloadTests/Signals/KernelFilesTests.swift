import Testing

@testable import Overload

/// Each file's parser: what the kernel writes, and what it does not.
struct KernelFilesTests {
    /// Texts that must neither crash a reader nor be read as a number.
    private static let garbage = [
        "", "\n", " ", "x", "-", "max", "-5", "99999999999999999999999", "0x10", "\u{0}\u{1}\u{FFFD}", "1.5",
        String(repeating: "9", count: 5000), String(repeating: "(", count: 5000), ")", "cpu", "cpu ", "total=",
    ]

    @Test func garbageIsAbsent() {
        for text in Self.garbage {
            #expect(ProcFiles.processorTicks(stat: text) == nil && ProcFiles.residentPages(statm: text) == nil)
            #expect(ProcFiles.hostTime(stat: text) == nil && ProcFiles.memoryInfo(text) == nil)
            #expect(ProcFiles.allowedProcessors(status: text) == nil)
            #expect(ProcFiles.stalledMicroseconds("some", pressure: text) == nil)
            #expect(CgroupFiles.processors(max: text) == nil && CgroupFiles.limitBytes(text) == nil)
            #expect(CgroupFiles.processors(quota: text, period: "100000") == nil)
            #expect(CgroupFiles.throttling(cpuStat: text) == nil && CgroupFiles.memoryEvents(text) == nil)
            let place = CgroupPlace.find(text, root: "/fake/cgroup") { _ in nil }
            #expect(place == CgroupPlace())
        }
    }

    @Test("A file that was cut off anywhere gives what it gives whole, less, or nothing; it never traps")
    func truncated() {
        var system = FakeSystem.quiet
        system.setProcess(processorTicks: 12345)
        for (_, text) in system.files {
            for count in 0...text.count {
                let part = String(text.prefix(count))
                _ = (ProcFiles.processorTicks(stat: part), ProcFiles.residentPages(statm: part))
                _ = (ProcFiles.hostTime(stat: part), ProcFiles.memoryInfo(part))
                _ = (ProcFiles.allowedProcessors(status: part), CgroupFiles.memoryEvents(part))
                _ = ProcFiles.stalledMicroseconds("full", pressure: part)
            }
        }
    }

    @Test func process() {
        let stat = "17 (a) b (c) S 1 17351 17351 0 -1 4194304 100 0 0 0 250 40 7 9 20 0 1 0 1231978 3133440 380\n"
        #expect(ProcFiles.processorTicks(stat: stat) == 290)
        #expect(ProcFiles.processorTicks(stat: "1 (x) S 1 1 1 0 -1 0 0 0 0 0 \(Int.max) 1 0 0\n") == nil)
        #expect(ProcFiles.residentPages(statm: "765 380 300 5 0 90 0\n") == 380)
        for (mask, count) in [("3", 2), ("ffffffff", 32), ("1,00000000", 1), ("ff,ffffffff", 40)] {
            #expect(ProcFiles.allowedProcessors(status: "Name:\tx\nCpus_allowed:\t\(mask)\nMems:\t1\n") == count)
        }
        #expect(ProcFiles.allowedProcessors(status: "Cpus_allowed:\t0\n") == nil)
    }

    @Test func host() {
        let time = ProcFiles.hostTime(stat: "cpu  100 20 30 700 50 6 4 90 11 12\ncpu0 1 1 1 1\n")
        #expect(time == ProcFiles.HostTime(total: 1000, busy: 250, stolen: 90))
        #expect(ProcFiles.hostTime(stat: "cpu0 1 2 3 4\n") == nil)
        #expect(ProcFiles.hostTime(stat: "cpu 1 2 3 4") == ProcFiles.HostTime(total: 10, busy: 6, stolen: 0))
        #expect(ProcFiles.hostTime(stat: "cpu \(Int.max) 2 3 4\n") == nil)
        let info = ProcFiles.memoryInfo("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n")
        #expect(info == ProcFiles.MemoryInfo(total: 1_024_000, available: 409_600))
        #expect(ProcFiles.memoryInfo("MemTotal: 1000 kB\n")?.available == nil)
        #expect(ProcFiles.memoryInfo("MemTotal: 10 kB\nMemAvailable: 11 kB\n")?.available == nil)
        #expect(ProcFiles.memoryInfo("MemTotal: \(Int.max) kB\n") == nil)
    }

    @Test func pressure() {
        let text = "some avg10=1.00 avg60=2.00 avg300=3.00 total=456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"
        #expect(ProcFiles.stalledMicroseconds("some", pressure: text) == 456)
        #expect(ProcFiles.stalledMicroseconds("full", pressure: text) == 12)
        #expect(ProcFiles.stalledMicroseconds("full", pressure: "some avg10=0 total=1\n") == nil)
        #expect(ProcFiles.stalledMicroseconds("some", pressure: "some total=-1\n") == nil)
    }

    @Test func controlGroups() {
        #expect(CgroupFiles.processors(max: "50000 100000\n") == 0.5)
        #expect(CgroupFiles.processors(max: "max 100000\n") == nil && CgroupFiles.processors(max: "5 0") == nil)
        #expect(CgroupFiles.processors(quota: "250000\n", period: "100000\n") == 2.5)
        #expect(CgroupFiles.processors(quota: "-1\n", period: "100000\n") == nil)
        #expect(CgroupFiles.limitBytes("1073741824") == 1 << 30 && CgroupFiles.limitBytes("max\n") == nil)
        #expect(CgroupFiles.limitBytes("9223372036854771712\n") == nil && CgroupFiles.limitBytes("0\n") == nil)
        let stat = "usage_usec 5\nuser_usec 3\nnr_periods 40\nnr_throttled 10\nthrottled_usec 99\n"
        #expect(CgroupFiles.throttling(cpuStat: stat) == CgroupFiles.Throttling(periods: 40, throttled: 10))
        #expect(CgroupFiles.throttling(cpuStat: "nr_periods 40\n") == nil)
        let events = "low 0\nhigh 7\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n"
        #expect(CgroupFiles.memoryEvents(events) == CgroupFiles.MemoryEvents(max: 3, oom: 3))
    }
}
