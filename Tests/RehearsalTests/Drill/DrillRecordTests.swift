import Overload
import Testing
import Toolkit

@testable import Rehearsal

@Suite("What a drill reads and shows")
struct DrillRecordTests {
    private func status(
        _ tier: String = "normal", reason: String = "", pressure: Double = 0, signals: String = "", shed: String = ""
    ) throws -> NodeStatus {
        let text = """
            {"node":"n1","mode":"cluster","connections":{"current":7,"max":90,"refused_total":{"max":1}},"governor":
            {"tier":"\(tier)","pinned":false,"dry_run":true,"reason":"\(reason)","pressure":\(pressure),"signals":
            {\(signals)},"memory_limit_bytes":123456,"transitions":[{"to":"heavy"}],"shed_total":{\(shed)}},"redis":
            {"state":"degraded","outbox_messages":26},"process":{"rss_bytes":1000,"open_files":12,"open_files_max":64}}
            """
        return try #require(Array(text.utf8).withUnsafeBytes { NodeStatus($0) })
    }

    @Test("the status of a node")
    func reading() throws {
        let found = try status(
            "moderate", reason: "memory", pressure: 0.8123,
            signals: #""memory":{"value":0.9,"unit":"ratio","pressure":0.8}"#, shed: #""typing":3,"http":0"#)
        #expect(found.node == "n1" && found.mode == "cluster" && found.tier == .moderate && found.isDryRun)
        #expect(!found.isPinned && found.reason == "memory" && found.pressure == 0.8123)
        #expect(found.signals == ["memory": NodeStatus.Signal(value: 0.9, unit: "ratio", pressure: 0.8)])
        #expect(found.memoryLimit == 123_456 && found.shed == ["typing": 3, "http": 0])
        #expect(found.connections == 7 && found.connectionsMax == 90)
        #expect(found.redisState == "degraded" && found.outboxMessages == 26)
        #expect(found.residentBytes == 1000 && found.openFiles == 12 && found.openFilesMax == 64)
    }

    @Test(
        "what is no status is none, and does not trap",
        arguments: ["", "{}", "[]", "null", #"{"governor"#, #"{"mode":"single"}"#, "\u{0}"])
    func noStatus(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { NodeStatus($0) } == nil)
    }

    @Test("values of another shape are left out")
    func garbled() throws {
        let text = #"{"governor":{"tier":"extreme","pressure":"x","signals":7,"shed_total":{"a":-}},"process":3}"#
        let found = try #require(Array(text.utf8).withUnsafeBytes { NodeStatus($0) })
        // A tier that is not known counts as the worst.
        #expect(found.tier == .heavy && found.pressure == 0 && found.signals.isEmpty && found.shed == ["a": 0])
    }

    @Test("times to each tier, the worst one, what was shed, and the return")
    func record() throws {
        var record = DrillRecord(before: try status(shed: #""typing":5"#), signals: ["memory"])
        record.heard(try status(shed: #""typing":5"#), at: 100)
        record.heard(try status("moderate", reason: "memory", shed: #""typing":9"#), at: 300)
        record.heard(try status("light", reason: "cpu", shed: #""typing":9,"http":2"#), at: 500)
        record.heard(try status("moderate", reason: "cpu", shed: #""typing":9,"http":2"#), at: 700)
        record.ended(at: 1000)
        #expect(record.timeTo == [.light: 300, .moderate: 300])
        #expect(record.worst == .moderate && record.reason == "memory")
        #expect(record.shed == ["typing": 4, "http": 2])
        #expect(record.normalAfter == nil)
        #expect(
            DrillTable.summary(record) == [
                "time to light     300 ms", "time to moderate  300 ms", "time to heavy     -",
                "worst tier        moderate (memory)", "shed              http 2, typing 4", "normal again      -",
            ])
        record.wasNormal(at: 8040)
        #expect(record.normalAfter == 7040)
        #expect(DrillTable.summary(record).last == "normal again      7.0 s after the end")
    }

    @Test("of the drill's signals the one that presses most is shown; those that a machine lacks are not")
    func signal() throws {
        let record = DrillRecord(before: try status(), signals: ["host_cpu", "cpu_pressure"])
        let both = try status(
            signals:
                #""cpu":{"value":9,"pressure":1},"cpu_pressure":{"value":70.04,"unit":"percent","pressure":0.5},"#
                + #""host_cpu":{"value":86,"unit":"percent","pressure":0.1}"#)
        #expect(record.signal(in: both)?.name == "cpu_pressure")
        #expect(record.signal(in: try status()) == nil)
        let line = DrillTable.line(
            seconds: 3, both, signal: record.signal(in: both), progress: "2 threads", shed: ["typing": 2, "http": 1])
        let words = "3 s normal 0.00 - cpu_pressure 70.0 % 2 threads http +1, typing +2"
        #expect(line.split(separator: " ").joined(separator: " ") == words)
    }
}
