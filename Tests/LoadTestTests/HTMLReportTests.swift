import Foundation
import Testing

@testable import load_test

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("The HTML report stands alone, is well-formed, and shows what the run found out")
struct HTMLReportTests {
    private func page(_ report: LoadReport) throws -> Page { try Page(HTMLReport.render(report)) }

    @Test("well-formed, with all plots; and nothing is fetched")
    func whole() throws {
        let page = try page(.sample())
        #expect(page.drawings.count == 6)
        #expect(page.drawings.allSatisfy { !$0.title.isEmpty && !$0.description.isEmpty })
        #expect(page.ids.count == Set(page.ids).count)
        #expect(page.labels.allSatisfy { page.ids.contains($0) })
        #expect(!page.elements.contains("link") && !page.elements.contains("img"))
        #expect(!page.attributeNames.contains("src") && !page.attributeNames.contains("href"))
        #expect(!page.source.contains("@import") && !page.source.contains("url("))
        #expect(page.text.contains("Nothing lost, nothing twice, nothing out of order"))
    }

    @Test("what comes from outside is text, wherever it shows")
    func escaping() throws {
        let hostile = "<script>alert('1')</script>&\"\u{1}"
        var report = LoadReport.sample()
        report.run.scenario = hostile
        report.run.machine = hostile
        report.run.urls = [hostile]
        report.run.options = [.init(name: hostile, value: hostile)]
        report.connections.failed = [hostile: 1]
        report.connections.closeCodes = [hostile: 1]
        report.messages.refused = [hostile: 1]
        report.servers[0].url = hostile
        for index in report.phases.indices { report.phases[index].name = hostile }
        for index in report.timeline.indices {
            report.timeline[index].tier = hostile
            report.timeline[index].shed = [hostile: index]
        }
        for index in report.steps.indices {
            report.steps[index].name = hostile
            report.steps[index].worstTier = hostile
        }
        let page = try page(report)
        #expect(page.elements.filter { $0 == "script" }.count == 1)
        #expect(!page.source.contains("<script>alert"))
        #expect(page.text.contains("<script>alert('1')</script>&\"\u{FFFD}"))
    }

    @Test("all points of all lines and bars lie inside their plot areas", arguments: [1.0, 1e-9, 1e9, .nan, -5])
    func inside(factor: Double) throws {
        let page = try page(.sample(scaledBy: factor))
        #expect(page.areas.count > 8)
        #expect(factor.isNaN || page.points.count > 100)
        for point in page.points {
            #expect(point.area.insetBy(dx: -0.11, dy: -0.11).contains(CGPoint(x: point.x, y: point.y)))
        }
    }

    @Test("a run without messages leaves their plots out and says why")
    func idle() throws {
        var report = LoadReport.sample()
        report.messages = .none
        report.steps = []
        for index in report.timeline.indices {
            report.timeline[index] = .init(second: Double(index), connected: 10, sent: 0, delivered: 0, refused: 0)
        }
        let page = try page(report)
        #expect(page.drawings.map(\.title) == ["Latency of connecting by percentile", "Throughput over time"])
        #expect(page.text.contains("Left out: no message was delivered or acked, so there is no latency to draw."))
        #expect(page.text.contains("Left out: the server did not say its tier"))
        #expect(page.text.contains("10 of 10 connections were opened"))
    }

    @Test("a storm and the tool's own needs have tables when there are figures")
    func storm() throws {
        var report = LoadReport.sample()
        #expect(try !page(report).text.contains("Everybody cut at once"))
        report.storm = .init(connections: 987, recoverySeconds: 1.5, failedAttempts: 3, replayed: 654, gaps: 0)
        report.tool = .init(cpuSeconds: 9, cpuShareMax: 0.5, busyProcesses: 0, deliveredPerCPUSecond: nil)
        let text = try page(report).text
        #expect(text.contains("Everybody cut at once") && text.contains("987") && text.contains("654"))
        #expect(text.contains("The load tool itself") && text.contains("50 %"))
    }

    @Test("nothing at all is a report too")
    func empty() throws {
        var report = LoadReport.sample()
        report.messages = .none
        report.connections = .init(
            wanted: 5, opened: 0, failed: ["connect: Connection refused": 5], perSecond: 0, handshake: .none,
            closeCodes: [:])
        report.phases = []
        report.servers = []
        report.timeline = []
        report.steps = []
        let page = try page(report)
        #expect(page.drawings.isEmpty)
        #expect(page.text.contains("No connection was opened"))
        #expect(page.text.contains("failed: connect: Connection refused"))
    }

    @Test("a long run is thinned out, and its worst second still shows")
    func long() throws {
        var report = LoadReport.sample()
        report.timeline = (0..<7200).map { second in
            .init(
                second: Double(second), connected: 10, sent: 100, delivered: 1000, refused: 0, p50: 1, p99: 2,
                max: second == 5003 ? 777 : 3)
        }
        report.run.seconds = 7200
        let timeline = Timeline(report)
        #expect(timeline.points.count == 300)
        #expect(timeline.secondsPerPoint == 24)
        #expect(timeline.points.allSatisfy { $0.sent == 100 })
        #expect(timeline.points.filter { $0.max == 777 }.count == 1)
        #expect(try page(report).text.contains("each point stands for 24 seconds"))
    }

    @Test("tiers become ribbons, one for each stretch; a thinned-out point has the worst")
    func tiers() {
        var report = LoadReport.sample()
        let tiers: [String?] = [nil, "normal", "normal", "heavy", "light", nil, "light"]
        report.timeline = tiers.enumerated().map { second, tier in
            .init(second: Double(second), connected: 1, sent: 0, delivered: 0, refused: 0, tier: tier)
        }
        let ribbons = Timeline(report).tiers
        #expect(ribbons.map(\.name) == ["normal", "heavy", "light", "light"])
        #expect(ribbons.map(\.from) == [1, 3, 4, 6])
        #expect(ribbons.map(\.to) == [3, 4, 5, 7])
        report.timeline = (0..<600).map { second in
            .init(
                second: Double(second), connected: 1, sent: 0, delivered: 0, refused: 0,
                tier: second == 301 ? "heavy" : "normal")
        }
        #expect(Timeline(report).tiers.map(\.name) == ["normal", "heavy", "normal"])
    }
}

@Suite("The headline of a report")
struct VerdictTests {
    @Test("losses, duplicates and misorder are named; what the server said is a remark")
    func levels() {
        var report = LoadReport.sample()
        report.steps = []
        #expect(Verdict(report).level == .good)
        report.messages.gaps = 2
        #expect(Verdict(report).level == .warning)
        #expect(Verdict(report).detail.hasSuffix("With 2 gaps that the server said."))
        report.messages.lost = 1234
        report.messages.misordered = 1
        #expect(Verdict(report).level == .bad)
        #expect(Verdict(report).headline == "Messages: 1,234 lost, 1 out of order")
    }

    @Test("a load tool at its limit makes the figures doubtful, and corruption is a fault")
    func tool() {
        var report = LoadReport.sample()
        report.steps = []
        report.tool = .init(cpuSeconds: 9, cpuShareMax: 0.99, busyProcesses: 1, deliveredPerCPUSecond: 10)
        #expect(Verdict(report).level == .warning)
        #expect(Verdict(report).detail.contains("doubtful"))
        report.messages.corrupted = 4
        #expect(Verdict(report).headline == "Messages: 4 corrupted")
    }

    @Test("connections that a node refused are counted, by status and by close code, and are not as asked")
    func refusedConnections() {
        var report = LoadReport.sample()
        report.connections.failed = ["HTTP 503": 3, "HTTP 429": 1, "handshake timeout": 2]
        report.connections.closeCodes = ["1000": 4, "1013": 5, "4100": 6, "4101": 1, "4006": 1, "4102": 7]
        #expect(report.connections.refused == 16)
        #expect(Verdict(report).level == .warning)
        #expect(Verdict(report).detail.contains("2 failed connections, 16 refused connections"))
        report.connections.failed = [:]
        report.connections.closeCodes = ["1013": 1]
        #expect(Verdict(report).level == .warning && Verdict(report).detail.contains("With 1 refused connections"))
    }

    @Test("a machine that was full, or a tool that was late, is named as the limit; just below, not")
    func machine() {
        var report = LoadReport.sample()
        report.tool = .init(
            cpuSeconds: 1, cpuShareMax: 0.5, busyProcesses: 0, latenessP99: LoadReport.Tool.lateMilliseconds,
            hostBusyShare: LoadReport.Tool.fullShare)
        #expect(Verdict(report).level == .good && !TextReport.render(report).contains("not the node"))
        report.tool?.latenessP99 = 21
        #expect(Verdict(report).level == .warning && Verdict(report).detail.contains("load_test was 21 ms late (p99)"))
        report.tool?.hostBusyShare = 0.96
        #expect(
            TextReport.render(report).contains(
                "the machine, not the node, may have been the limit: load_test was 21 ms late (p99); "
                    + "the processors of this machine were in use for 96 %"))
    }

    @Test("the worst tier stands beside each figure: that of the connecting, and that of the measuring")
    func tiers() {
        var report = LoadReport.sample()
        report.phases[0].worstTier = "light"
        report.phases[1].worstTier = "moderate"
        let lines = TextReport.render(report).split(separator: "\n")
        func line(_ name: String) -> Substring { lines.first { $0.hasPrefix("  \(name) ") } ?? "" }
        for name in ["per second", "handshake"] { #expect(line(name).hasSuffix("  at light"), "\(name)") }
        for name in ["sent", "delivered", "delivery latency", "ack latency"] {
            #expect(line(name).hasSuffix("  at moderate"), "\(name)")
        }
        report.phases[1].worstTier = nil
        #expect(!TextReport.render(report).contains("moderate"))
    }

    @Test("refusing is right in the overload scenario, and noted in others")
    func refusals() {
        var report = LoadReport.sample()
        report.messages.refused = ["rate_limited": 5]
        #expect(Verdict(report).level == .good)
        report.steps = []
        #expect(Verdict(report).level == .warning)
        report.messages.refused = [:]
        report.run.endedEarly = true
        #expect(Verdict(report).level == .warning)
    }
}
