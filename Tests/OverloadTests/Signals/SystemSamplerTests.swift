import Testing

@testable import Overload

struct SystemSamplerTests {
    /// Samples a machine once, changes it, and samples it again a second later.
    private func change(
        _ system: FakeSystem = .quiet, memoryMax: Int? = nil, _ change: (inout FakeSystem) -> Void
    ) -> SystemReadings {
        var settings = system.settings
        settings.memoryMax = memoryMax
        var sampler = SystemSampler(settings)
        _ = sampler.sampled(at: 0, read: system.read)
        var later = system
        change(&later)
        return sampler.sampled(at: 1_000, read: later.read)
    }

    private func isClose(_ value: Double?, _ wanted: Double) -> Bool { value.map { abs($0 - wanted) < 1e-9 } ?? false }

    @Test("Counters give nothing the first time, and their rate from then on")
    func rates() {
        var sampler = SystemSampler(FakeSystem.quiet.settings)
        let first = sampler.sampled(at: 0, read: FakeSystem.quiet.read)
        #expect(first.processorsUsed == nil && first.hostBusyPercent == nil && first.memorySomePercent == nil)
        let readings = change { system in
            system.setProcess(processorTicks: 250)
            system.setHost(busyTicks: 1150, idleTicks: 9040, stolenTicks: 10)
            system.setPressure("proc/pressure/cpu", someMicroseconds: 300_000)
            system.setPressure("proc/pressure/memory", someMicroseconds: 100_000, fullMicroseconds: 20_000)
            system.setPressure("proc/pressure/io", someMicroseconds: 900_000, fullMicroseconds: 50_000)
        }
        #expect(isClose(readings.processorsUsed, 1.5) && readings.processorsMax == 2)
        #expect(isClose(readings.hostBusyPercent, 80) && isClose(readings.stolenPercent, 5))
        #expect(isClose(readings.cpuSomePercent, 30) && isClose(readings.memorySomePercent, 10))
        #expect(isClose(readings.memoryFullPercent, 2) && isClose(readings.ioFullPercent, 5))
        #expect(readings.throttledPercent == nil && !readings.memoryWasReclaimed)
    }

    @Test("A counter that went back gives nothing in that sample, and the next goes by the new one")
    func counterReset() {
        var system = FakeSystem.quiet
        var sampler = SystemSampler(system.settings)
        system.setPressure("proc/pressure/memory", someMicroseconds: 5_000_000)
        _ = sampler.sampled(at: 0, read: system.read)
        system.setProcess(processorTicks: 20)
        system.setHost(busyTicks: 10, idleTicks: 10)
        system.setPressure("proc/pressure/memory", someMicroseconds: 0)
        let reset = sampler.sampled(at: 500, read: system.read)
        #expect(reset.processorsUsed == nil && reset.hostBusyPercent == nil && reset.memorySomePercent == nil)
        system.setProcess(processorTicks: 70)
        system.setHost(busyTicks: 20, idleTicks: 20)
        system.setPressure("proc/pressure/memory", someMicroseconds: 250_000)
        let next = sampler.sampled(at: 1_000, read: system.read)
        #expect(isClose(next.processorsUsed, 1) && isClose(next.hostBusyPercent, 50))
        #expect(isClose(next.memorySomePercent, 50))
    }

    @Test("Without limits memory is the machine's, or this process's share of it, whichever is more")
    func machineMemory() {
        var readings = change { $0.setMemory(totalMebibytes: 1000, availableMebibytes: 250) }
        #expect(isClose(readings.memoryShare, 0.75) && readings.memoryMax == 1000 << 20)
        readings = change { system in
            system.setMemory(totalMebibytes: 1000, availableMebibytes: 950)
            system.setProcess(processorTicks: 100, residentMebibytes: 100)
        }
        #expect(isClose(readings.memoryShare, 0.1))
    }

    @Test("GOVERNOR_MEMORY_LIMIT_BYTES is set against the resident memory, whatever else the machine does")
    func configuredMemory() {
        let readings = change(memoryMax: 100 << 20) { $0.setMemory(totalMebibytes: 8192, availableMebibytes: 10) }
        #expect(isClose(readings.memoryShare, 0.5) && readings.memoryMax == 100 << 20)
    }

    /// A machine whose groups have version 2's files: the node's, in one of a pod, in the root.
    private var version2: FakeSystem {
        var system = FakeSystem.quiet
        system.files["proc/self/cgroup"] = "0::/pod/node\n"
        system.files["cgroup/cgroup.controllers"] = "cpu io memory\n"
        system.files["cgroup/pod/cpu.max"] = "50000 100000\n"
        system.files["cgroup/pod/cpu.stat"] = "usage_usec 1\nnr_periods 100\nnr_throttled 10\n"
        system.files["cgroup/pod/memory.max"] = "\(1000 << 20)\n"
        system.files["cgroup/pod/memory.current"] = "\(300 << 20)\n"
        system.files["cgroup/pod/node/cpu.max"] = "max 100000\n"
        system.files["cgroup/pod/node/memory.max"] = "max\n"
        system.files["cgroup/pod/node/memory.high"] = "\(400 << 20)\n"
        system.files["cgroup/pod/node/memory.current"] = "\(240 << 20)\n"
        system.files["cgroup/pod/node/memory.stat"] = "anon 5\ninactive_file \(40 << 20)\nactive_file 7\n"
        system.files["cgroup/pod/node/memory.events"] = "low 0\nhigh 0\nmax 5\noom 0\noom_kill 0\n"
        return system
    }

    @Test("Version 2: the least limit on the way up, each set against what its own group uses")
    func limitsV2() {
        var readings = change(version2) { system in
            system.files["cgroup/pod/cpu.stat"] = "nr_periods 110\nnr_throttled 15\n"
            system.setPressure("cgroup/pod/node/memory.pressure", someMicroseconds: 10_000)
        }
        #expect(readings.processorsMax == 0.5 && isClose(readings.throttledPercent, 50))
        #expect(readings.memoryMax == 400 << 20 && isClose(readings.memoryShare, 0.5))
        #expect(readings.memorySomePercent != nil)
        readings = change(version2) { $0.files["cgroup/pod/memory.current"] = "\(900 << 20)\n" }
        #expect(isClose(readings.memoryShare, 0.9), "the pod's")
        // The machine's memory counts where a limit is above it.
        readings = change(version2) { $0.setMemory(totalMebibytes: 500, availableMebibytes: 100) }
        #expect(readings.memoryMax == 400 << 20)
        var huge = version2
        huge.files["cgroup/pod/memory.max"] = "\(1 << 50)\n"
        huge.files["cgroup/pod/node/memory.high"] = "max\n"
        readings = change(huge) { _ in }
        #expect(readings.memoryMax == 8192 << 20 && isClose(readings.memoryShare, 2731.0 / 8192))
    }

    @Test("Reclaim is an alarm when it killed somebody, or when there is little but memory in use")
    func memoryEvents() {
        func reclaimed(_ events: String, used: Int = 240) -> Bool {
            var system = version2
            system.files["cgroup/pod/node/memory.current"] = "\(used << 20)\n"
            return change(system) { $0.files["cgroup/pod/node/memory.events"] = events }.memoryWasReclaimed
        }
        #expect(!reclaimed("max 5\noom 0\noom_kill 0\n"))
        #expect(!reclaimed("max 6\noom 0\noom_kill 0\n"), "the cache was trimmed")
        #expect(reclaimed("max 6\noom 0\noom_kill 0\n", used: 390))
        #expect(reclaimed("max 5\noom 1\noom_kill 0\n") && reclaimed("max 5\noom 0\noom_kill 1\n"))
        #expect(!reclaimed("max 0\noom 0\noom_kill 0\n", used: 390), "a counter that went back")
    }

    @Test("Version 1 with its own file names, and what it calls unlimited")
    func limitsV1() {
        var system = FakeSystem.quiet
        system.files["proc/self/cgroup"] = "4:memory:/a/b\n1:cpu,cpuacct:/\n"
        system.files["cgroup/cpu/cpu.cfs_quota_us"] = "150000\n"
        system.files["cgroup/cpu/cpu.cfs_period_us"] = "100000\n"
        system.files["cgroup/cpu/cpu.stat"] = "nr_periods 10\nnr_throttled 2\nthrottled_time 5\n"
        system.files["cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
        system.files["cgroup/memory/a/memory.limit_in_bytes"] = "\(200 << 20)\n"
        system.files["cgroup/memory/a/memory.usage_in_bytes"] = "\(150 << 20)\n"
        system.files["cgroup/memory/a/memory.stat"] = "inactive_file 9\ntotal_inactive_file \(50 << 20)\n"
        system.files["cgroup/memory/a/b/memory.limit_in_bytes"] = "9223372036854771712\n"
        var readings = change(system) { $0.files["cgroup/cpu/cpu.stat"] = "nr_periods 20\nnr_throttled 3\n" }
        #expect(readings.processorsMax == 1.5 && isClose(readings.throttledPercent, 10))
        #expect(readings.memoryMax == 200 << 20 && isClose(readings.memoryShare, 0.5))
        system.files["cgroup/cpu/cpu.cfs_quota_us"] = "-1\n"
        readings = change(system) { _ in }
        #expect(readings.processorsMax == 2 && readings.throttledPercent == nil)
    }

    @Test("Limits that somebody changes are found within a second, a group that was left within ten")
    func changes() {
        var system = version2
        var sampler = SystemSampler(system.settings)
        _ = sampler.sampled(at: 0, read: system.read)
        system.files["cgroup/pod/node/memory.high"] = "\(250 << 20)\n"
        #expect(sampler.sampled(at: 999, read: system.read).memoryMax == 400 << 20)
        #expect(sampler.sampled(at: 1_000, read: system.read).memoryMax == 250 << 20)
        system.files["proc/self/cgroup"] = "0::/pod\n"
        #expect(sampler.sampled(at: 10_000, read: system.read).memoryMax == 1000 << 20)
    }

    @Test("What the machine does is looked at twice a second, the node's own use each time")
    func cadence() {
        var system = FakeSystem.quiet
        var sampler = SystemSampler(system.settings)
        var (own, host) = (0, 0)
        for index in 0...8 {
            system.setProcess(processorTicks: 100 + index)
            system.setHost(busyTicks: 1000 + index, idleTicks: 9000)
            let readings = sampler.sampled(at: index * 250, read: system.read)
            if readings.processorsUsed != nil, readings.memoryShare != nil { own += 1 }
            if readings.hostBusyPercent != nil, readings.cpuSomePercent != nil { host += 1 }
        }
        #expect(own == 8 && host == 4)
    }

    @Test("With nothing there nothing is found, and with any one file gone the rest is")
    func missing() {
        var sampler = SystemSampler(FakeSystem().settings)
        for time in [0, 250, 500] {
            var readings = sampler.sampled(at: time, read: { _ in nil })
            #expect(readings.processorsMax == 2)
            readings.processorsMax = nil
            #expect(readings == SystemReadings())
        }
        for name in version2.files.keys.sorted() {
            for text in [nil, "", "garbage 1 2\n", "\u{0}"] {
                _ = change(version2) { $0.files[name] = text }
            }
        }
    }

    @Test("The readings are the signals of the design")
    func signals() {
        var system = SystemReadings()
        (system.processorsUsed, system.processorsMax) = (0.5, 4)
        (system.memoryShare, system.throttledPercent) = (0.25, 3)
        (system.memorySomePercent, system.memoryFullPercent, system.ioFullPercent) = (4, 5, 6)
        (system.hostBusyPercent, system.stolenPercent, system.cpuSomePercent) = (7, 8, 9)
        var readings = Readings([.loopLag: 1])
        readings.take(system)
        let wanted = Readings([
            .loopLag: 1, .cpu: 0.125, .memory: 0.25, .cpuThrottled: 3, .memorySome: 4, .memoryFull: 5, .ioPressure: 6,
            .hostCPU: 7, .steal: 8, .cpuPressure: 9,
        ])
        #expect(readings == wanted)
    }
}
