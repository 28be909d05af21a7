import Testing

@testable import Overload

struct CgroupPlaceTests {
    private func find(_ system: FakeSystem) -> CgroupPlace {
        CgroupPlace.find(system.files["proc/self/cgroup"], root: "/fake/cgroup", read: system.read)
    }

    private func folders(_ groups: [CgroupPlace.Group]) -> [String] {
        groups.map { String($0.folder.dropFirst("/fake/cgroup".count)) }
    }

    @Test("Version 2: the own group and those above it")
    func version2() {
        var system = FakeSystem()
        system.files["proc/self/cgroup"] = "0::/app.slice/node\n"
        system.files["cgroup/cgroup.controllers"] = "cpu memory\n"
        system.files["cgroup/app.slice/node/cpu.max"] = "max 100000\n"
        let place = find(system)
        #expect(folders(place.cpu) == ["/app.slice/node", "/app.slice", ""])
        #expect(place.memory == place.cpu && place.io == place.cpu && place.cpu.allSatisfy(\.isV2))
    }

    @Test("In a container the path is the host's: the root of the mount stands in")
    func container() {
        var system = FakeSystem()
        system.files["cgroup/cgroup.controllers"] = "cpu memory\n"
        for text in ["0::/docker/abc\n", "0::/../../x\n", "0::/\n", nil] {
            system.files["proc/self/cgroup"] = text
            #expect(folders(find(system).cpu) == [""])
        }
    }

    @Test("Version 1: each controller at its own place")
    func version1() {
        var system = FakeSystem()
        system.files["proc/self/cgroup"] = "9:name=systemd:/\n4:memory:/pods/a\n2:cpu,cpuacct:/docker/x\n"
        system.files["cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
        system.files["cgroup/memory/pods/a/memory.usage_in_bytes"] = "5\n"
        system.files["cgroup/cpu,cpuacct/cpu.shares"] = "1024\n"
        let place = find(system)
        #expect(folders(place.memory) == ["/memory/pods/a", "/memory/pods", "/memory"])
        #expect(folders(place.cpu) == ["/cpu,cpuacct"] && place.io.isEmpty)
        #expect((place.cpu + place.memory).allSatisfy { !$0.isV2 })
    }

    @Test("Hybrid: what version 1 has comes from there, the rest from the unified tree")
    func hybrid() {
        var system = FakeSystem()
        system.files["proc/self/cgroup"] = "3:cpu:/\n0::/service\n"
        system.files["cgroup/cpu/cpu.cfs_quota_us"] = "-1\n"
        system.files["cgroup/unified/cgroup.controllers"] = "\n"
        system.files["cgroup/unified/service/cgroup.controllers"] = "\n"
        let place = find(system)
        #expect(folders(place.cpu) == ["/cpu"] && place.cpu.allSatisfy { !$0.isV2 })
        #expect(folders(place.memory) == ["/unified/service", "/unified"] && place.memory == place.io)
    }

    @Test("Nesting without end is not followed")
    func depth() {
        var system = FakeSystem()
        system.files["cgroup/cpu.stat"] = "\n"
        let path = String(repeating: "/a", count: 200)
        system.files["proc/self/cgroup"] = "0::\(path)\n"
        system.files["cgroup\(path)/cpu.stat"] = "\n"
        #expect(folders(find(system).cpu) == [""])
    }
}
