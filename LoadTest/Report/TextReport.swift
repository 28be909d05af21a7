import Toolkit

/// The table at the end of a run.
enum TextReport {
    static func render(_ report: LoadReport) -> String {
        var lines = Lines()
        head(report, &lines)
        connections(report, &lines)
        messages(report, &lines)
        steps(report, &lines)
        storm(report, &lines)
        machine(report, &lines)
        hints(report, &lines)
        return lines.text
    }

    private struct Lines {
        var text = ""
        mutating func section(_ title: String) { text += "\n\(title)\n" }
        mutating func row(_ name: String, _ value: String) {
            text += "  " + Figures.padded(name, 22) + value + "\n"
        }
        mutating func line(_ line: String) { text += line + "\n" }
    }

    private static func head(_ report: LoadReport, _ lines: inout Lines) {
        let early = report.run.endedEarly ? ", ended early" : ""
        lines.line(
            "\(report.run.scenario): \(Figures.fixed(report.run.seconds, 1)) s\(early), "
                + "\(report.run.urls.joined(separator: " ")), seed \(report.run.seed)")
    }

    private static func connections(_ report: LoadReport, _ lines: inout Lines) {
        let connections = report.connections
        lines.section("connections")
        let wanted = Figures.count(connections.wanted)
        let isOver = connections.opened > connections.wanted
        lines.row("opened", Figures.count(connections.opened) + (isOver ? ", \(wanted) at a time" : " of \(wanted)"))
        let isChurn = report.run.scenario == Scenario.churn.rawValue
        let tier = tier(report.worstTier(whileMeasuring: isChurn))
        lines.row("per second", Figures.rate(connections.perSecond) + tier)
        lines.row("handshake", latency(connections.handshake) + tier)
        if connections.refused > 0 { lines.row("refused", Figures.count(connections.refused) + tier) }
        for (reason, count) in sorted(connections.failed) { lines.row("failed", "\(Figures.count(count))  \(reason)") }
        if !connections.closeCodes.isEmpty {
            lines.row(
                "closed with",
                sorted(connections.closeCodes).map { "\($0.0): \(Figures.count($0.1))" }.joined(separator: ", "))
        }
    }

    private static func messages(_ report: LoadReport, _ lines: inout Lines) {
        let messages = report.messages
        guard messages.sent > 0 || messages.delivered > 0 else { return }
        lines.section("messages")
        let tier = tier(report.worstTier(whileMeasuring: true))
        lines.row("sent", "\(Figures.count(messages.sent)), \(Figures.rate(messages.sentPerSecond)) per second" + tier)
        lines.row("acked", Figures.count(messages.acked))
        for (code, count) in sorted(messages.refused) { lines.row("refused", "\(Figures.count(count))  \(code)") }
        lines.row(
            "delivered",
            "\(Figures.count(messages.delivered)), \(Figures.rate(messages.deliveredPerSecond)) per second" + tier)
        lines.row("delivery latency", latency(messages.delivery) + tier)
        lines.row("ack latency", latency(messages.ack) + tier)
        lines.row(
            "lost/twice/disorder",
            "\(Figures.count(messages.lost)) / \(Figures.count(messages.duplicated)) / "
                + Figures.count(messages.misordered))
        if let corrupted = messages.corrupted, corrupted > 0 { lines.row("corrupted", Figures.count(corrupted)) }
        if messages.gaps > 0 { lines.row("gaps said", Figures.count(messages.gaps)) }
    }

    /// A figure stands for the node at a tier, which gives service up: so the worst one meanwhile stands beside it.
    private static func tier(_ worst: String?) -> String { worst.map { "  at \($0)" } ?? "" }

    private static func latency(_ latency: LoadReport.Latency) -> String {
        guard latency.count > 0 else { return "none" }
        let figures = [
            ("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("p99.9", latency.p999),
            ("max", latency.max),
        ]
        return figures.map { "\($0.0) \(Figures.milliseconds($0.1))" }.joined(separator: "  ") + "  ms"
    }

    private static func steps(_ report: LoadReport, _ lines: inout Lines) {
        guard !report.steps.isEmpty else { return }
        lines.section("steps              offered/s    acked/s  refused/s    p50 ms    p99 ms  tier")
        for step in report.steps {
            let recovery =
                step.name == "recovery"
                ? step.recoverySeconds.map { "  normal after \(Figures.fixed($0, 1)) s" } ?? "  not normal in time" : ""
            lines.line(
                "  " + Figures.padded(step.name, 14) + Figures.right(Figures.rate(step.offeredPerSecond), 12)
                    + Figures.right(Figures.rate(step.goodputPerSecond), 11)
                    + Figures.right(Figures.rate(step.refusedPerSecond), 11)
                    + Figures.right(Figures.milliseconds(step.p50), 10)
                    + Figures.right(Figures.milliseconds(step.p99), 10) + "  " + (step.worstTier ?? "-") + recovery)
        }
    }

    private static func storm(_ report: LoadReport, _ lines: inout Lines) {
        guard let storm = report.storm else { return }
        lines.section("storm")
        lines.row(
            "all back after",
            storm.recoverySeconds.map { "\(Figures.fixed($0, 2)) s" }
                ?? "not all: \(Figures.count(storm.connections)) were back")
        lines.row("failed attempts", Figures.count(storm.failedAttempts))
        lines.row("delivered meanwhile", Figures.count(storm.replayed))
    }

    private static func machine(_ report: LoadReport, _ lines: inout Lines) {
        for server in report.servers {
            lines.section("server \(server.url)\(server.pid.map { " (pid \($0))" } ?? "")")
            let cpu = [("connecting", server.connectCPUSeconds), ("measuring", server.measureCPUSeconds)]
            lines.row(
                "CPU seconds",
                cpu.compactMap { name, value in value.map { "\(Figures.fixed($0, 2)) \(name)" } }
                    .joined(separator: ", "))
            if let rate = server.deliveriesPerCPUSecond, rate > 0 {
                lines.row("deliveries", "\(Figures.rate(rate)) per CPU second")
            }
            if let bytes = server.bytesPerConnection {
                lines.row("bytes per connection", "\(Figures.rate(bytes)) (PSS)")
            }
        }
        guard let tool = report.tool else { return }
        lines.section("load_test")
        lines.row(
            "CPU seconds",
            "\(Figures.fixed(tool.cpuSeconds, 2)) measuring, at most \(Figures.fixed(tool.cpuShareMax * 100, 0)) % of "
                + "a CPU per process, \(report.run.processes) loading")
        if let rate = tool.deliveredPerCPUSecond, rate > 0 {
            lines.row("deliveries", "\(Figures.rate(rate)) per CPU second")
        }
        if let lateness = tool.latenessP99 { lines.row("late by", "p99 \(Figures.milliseconds(lateness))  ms") }
        if let share = tool.hostBusyShare {
            lines.row("this machine", "\(Figures.fixed(share * 100, 0)) % of its processors in use")
        }
    }

    private static func hints(_ report: LoadReport, _ lines: inout Lines) {
        if report.messages.refused["rate_limited"] != nil {
            lines.line(
                "\nThe server's limit per connection refused messages: raise its MESSAGES_PER_SECOND, or use more senders."
            )
        }
        if let limits = report.tool?.machineLimits, !limits.isEmpty {
            lines.line(
                "\nWarning: the machine, not the node, may have been the limit: " + limits.joined(separator: "; ") + "."
            )
        }
        if let tool = report.tool, tool.busyProcesses > 0 {
            lines.line(
                "\nWarning: \(tool.busyProcesses) loading process(es) used more than "
                    + "\(Figures.fixed(LoadReport.Tool.busyShare * 100, 0)) % of a CPU: the figures show this tool's limit "
                    + "as much as the server's. Use more --processes, or more machines.")
        }
    }

    private static func sorted(_ counts: [String: Int]) -> [(String, Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }
}
