import Testing

@testable import Rehearsal

@Suite("What the demo reads and shows")
struct DemoReportTests {
    private func frame(_ text: String) -> NodeFrame { Array(text.utf8).withUnsafeBytes { NodeFrame($0) } }

    @Test("frames of nodes")
    func frames() {
        let message = frame(
            #"{"type":"message","room":"r","epoch":"e1","seq":7,"id":"ann.3","user":"ann","content":{"seq":9},"ts":1}"#)
        #expect(message.type == "message" && message.epoch == "e1" && message.seq == 7 && message.id == "ann.3")
        let provisional = frame(#"{"type":"message","id":"ann.3","provisional":true}"#)
        #expect(provisional.isProvisional && provisional.seq == nil && !message.isProvisional)
        let confirm = frame(
            #"{"type":"confirm","room":"r","epoch":"e","entries":[{"user":"a","id":"a.1","seq":1},{"seq":2,"id":"b.1"}]}"#
        )
        #expect(confirm.entries.map(\.id) == ["a.1", "b.1"] && confirm.entries.map(\.seq) == [1, 2])
        let welcome = frame(#"{"type":"welcome","inbox":{"epoch":"i","seq":4,"pending":3},"session":{"id":"s"}}"#)
        #expect(welcome.pending == 3 && !welcome.isOfInbox)
        let gap = frame(#"{"type":"gap","inbox":true,"epoch":"i","next_seq":8,"reason":"trimmed"}"#)
        #expect(gap.isOfInbox && gap.nextSeq == 8)
        let ack = frame(#"{"type":"ack","id":"a.1","durable":"local","duplicate":true}"#)
        #expect(ack.durable == "local" && ack.isDuplicate && ack.seq == nil)
    }

    @Test("a tally is clean only when nothing is wrong")
    func tallies() {
        #expect(DeliveryCounts(sent: 5, received: 25).isClean)
        #expect(!DeliveryCounts(lost: 1).isClean && !DeliveryCounts(duplicated: 1).isClean)
        #expect(!DeliveryCounts(misordered: 1).isClean && !DeliveryCounts(unacked: 1).isClean)
        var sum = DeliveryCounts(sent: 1, received: 2, lost: 3, duplicated: 4, misordered: 5, unacked: 6)
        sum += sum
        #expect(sum == DeliveryCounts(sent: 2, received: 4, lost: 6, duplicated: 8, misordered: 10, unacked: 12))
    }

    @Test("the table: one row for each scene, columns under each other")
    func table() {
        let passed = SceneReport(
            title: "1 One", outcome: .passed, tally: DeliveryCounts(sent: 500, received: 2500), milliseconds: 612)
        let failed = SceneReport(
            title: "2 Two", outcome: .failed, tally: DeliveryCounts(sent: 10, received: 9, lost: 1), milliseconds: 1240)
        let skipped = SceneReport(title: "3 Three", outcome: .skipped("why"), tally: DeliveryCounts(), milliseconds: 0)
        let rows =
            [passed, failed, skipped].map(ResultTable.row) + [
                ResultTable.total([passed, failed, skipped], milliseconds: 1900)
            ]
        #expect(rows.allSatisfy { $0.count == ResultTable.header.count })
        let words = rows.map { $0.split(separator: " ").map(String.init) }
        #expect(words[0] == ["1", "One", "500", "2500", "0", "0", "0", "612", "ms", "ok"])
        #expect(words[1] == ["2", "Two", "10", "9", "1", "0", "0", "1.2", "s", "FAILED"])
        #expect(words[2] == ["3", "Three", "-", "-", "-", "-", "-", "-", "skipped"])
        #expect(words[3] == ["all", "510", "2509", "1", "0", "0", "1.9", "s", "FAILED"])
    }

    @Test("what is shown of scenes fits its columns, and their numbers are those of the order")
    func scenes() {
        for (index, scene) in DemoRun.scenes.enumerated() {
            let report = SceneReport(title: scene.title, outcome: .passed, tally: DeliveryCounts(), milliseconds: 0)
            #expect(ResultTable.row(report).count == ResultTable.header.count)
            #expect(scene.title.hasPrefix("\(index + 1) "))
            #expect(scene.explanation.allSatisfy { $0.count <= 78 } && !scene.explanation.isEmpty)
        }
    }

    @Test("scenes that can't be shown say what they need")
    func obstacles() {
        func plan(_ nodes: Int, _ redis: DemoPlan.RedisSource) -> DemoPlan {
            DemoPlan(nodeCount: nodes, clientCount: 5, redis: redis, variables: [:])
        }
        let given = DemoPlan.RedisSource.given(url: "redis://h", shown: "redis://h:6379/0")
        #expect(OneOrder().obstacle(plan(1, given)) == nil && NodeKill().obstacle(plan(2, given)) == nil)
        #expect(NodeKill().obstacle(plan(1, given))?.contains("--nodes 2") == true)
        #expect(RedisOutage().obstacle(plan(3, given))?.contains("REDIS_URL") == true)
        #expect(RedisOutage().obstacle(plan(1, .own(program: "/r"))) == nil)
    }

    @Test("nodes get what they need, and nothing that would configure them otherwise")
    func settings() {
        let variables = [
            "PATH": "/bin", "API_KEY": "k", "PORT": "1", "NODE_EXPIRY_SECONDS": "60", "NODE_HEARTBEAT_SECONDS": "20",
        ]
        let own = DemoPlan(nodeCount: 3, clientCount: 5, redis: .own(program: "/r"), variables: variables)
        let settings = own.nodeSettings(redisURL: "redis://127.0.0.1:1")
        #expect(settings["PATH"] == "/bin" && settings["API_KEY"] == nil && settings["PORT"] == nil)
        #expect(settings["REDIS_URL"] == "redis://127.0.0.1:1" && settings["NODE_EXPIRY_SECONDS"] == "2.5")
        // In somebody else's Redis a short expiry would take others for gone.
        let given = DemoPlan(
            nodeCount: 3, clientCount: 5, redis: .given(url: "redis://h", shown: "h"), variables: variables)
        #expect(given.nodeSettings(redisURL: "redis://h")["NODE_EXPIRY_SECONDS"] == "60")
        #expect(own.nodeName(0) == "demo-1" && given.nodeName(0) != "demo-1" && given.nodeName(0).hasSuffix("-1"))
    }
}
