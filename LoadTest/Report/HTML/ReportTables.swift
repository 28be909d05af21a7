/// The tables of the report: connections, messages, servers, phases, and the run with all its options.
struct ReportTables {
    private let report: LoadReport

    init(_ report: LoadReport) { self.report = report }

    var connections: HTML {
        let connections = report.connections
        var rows = [
            ["wanted", count(connections.wanted)], ["opened", count(connections.opened)],
            ["opened each second", Quantity.rate.written(connections.perSecond)],
            ["refused", count(connections.refused)],
        ]
        rows += byFrequency(connections.failed).map { ["failed: \($0.key)", count($0.value)] }
        rows += byFrequency(connections.closeCodes).map { ["closed with \($0.key)", count($0.value)] }
        return card("Connections", Table(header: ["what", "value"], rows: rows))
    }

    var messages: HTML {
        let messages = report.messages
        var rows = [
            ["sent", count(messages.sent)], ["acked", count(messages.acked)], ["delivered", count(messages.delivered)],
            ["lost", count(messages.lost)], ["duplicated", count(messages.duplicated)],
            ["out of order", count(messages.misordered)], ["corrupted", count(messages.corrupted ?? 0)],
            ["gaps that the server said", count(messages.gaps)],
        ]
        rows += byFrequency(messages.refused).map { ["refused: \($0.key)", count($0.value)] }
        rows += [
            ["sent each second", Quantity.rate.written(messages.sentPerSecond)],
            ["delivered each second", Quantity.rate.written(messages.deliveredPerSecond)],
            ["received", Quantity.bytes.written(Double(messages.receivedBytes))],
        ]
        return card("Messages", Table(header: ["what", "value"], rows: rows))
    }

    /// Nil when no node is on this machine.
    var servers: HTML? {
        guard !report.servers.isEmpty else { return nil }
        let rows = report.servers.map { server in
            [
                server.url, server.pid.map(String.init) ?? "–", seconds(server.connectCPUSeconds),
                seconds(server.measureCPUSeconds), server.bytesPerConnection.map(Quantity.bytes.written) ?? "–",
                server.deliveriesPerCPUSecond.map(Quantity.count.written) ?? "–",
            ]
        }
        let header = [
            "node", "process", "CPU while connecting", "CPU while measuring", "memory per connection",
            "deliveries per CPU second",
        ]
        return card("Servers on this machine", Table(header: header, rows: rows))
    }

    /// Nil in scenarios where nobody is cut.
    var storm: HTML? {
        report.storm.map { storm in
            let rows = [
                ["connections that were back", count(storm.connections)],
                ["until the last was back with all it had missed", seconds(storm.recoverySeconds)],
                ["failed attempts", count(storm.failedAttempts)], ["replayed messages", count(storm.replayed)],
                ["gaps that the server said", count(storm.gaps)],
            ]
            return card("Everybody cut at once", Table(header: ["what", "value"], rows: rows))
        }
    }

    /// Nil when it was not measured.
    var tool: HTML? {
        report.tool.map { tool in
            let rows = [
                ["CPU while measuring", seconds(tool.cpuSeconds)],
                ["busiest process, share of one CPU", Quantity.share.written(tool.cpuShareMax)],
                ["processes at their limit", count(tool.busyProcesses)],
                ["deliveries per CPU second", tool.deliveredPerCPUSecond.map(Quantity.count.written) ?? "–"],
                ["late by (p99)", tool.latenessP99.map(Quantity.latency.written) ?? "–"],
                ["this machine's processors in use", tool.hostBusyShare.map(Quantity.share.written) ?? "–"],
            ]
            return card("The load tool itself", Table(header: ["what", "value"], rows: rows))
        }
    }

    /// Nil when the run had none.
    var phases: HTML? {
        guard !report.phases.isEmpty else { return nil }
        let rows = report.phases.enumerated().map { index, phase in
            [
                "\(index + 1): \(phase.name)", Quantity.second.written(phase.startSecond),
                Quantity.second.written(phase.endSecond), phase.offeredPerSecond.map(Quantity.rate.written) ?? "–",
                phase.worstTier ?? "–",
            ]
        }
        return card("Phases", Table(header: ["phase", "from", "to", "offered", "worst tier"], rows: rows))
    }

    var run: HTML {
        let run = report.run
        let facts = [
            ["version", run.version], ["scenario", run.scenario], ["nodes", run.urls.joined(separator: ", ")],
            ["machine", run.machine], ["processes", "\(run.processes)"], ["seed", "\(run.seed)"],
            ["length", Quantity.second.written(run.seconds) + (run.endedEarly ? ", ended early by Ctrl-C" : "")],
        ]
        let options = run.options.map { [$0.name, $0.value] }
        return .tag(
            "section", ["class": "card"],
            [
                .tag("h2", "The run, and how to repeat it"),
                .tag(
                    "div", ["class": "pair"],
                    [
                        Table(header: ["what", "value"], rows: facts, isText: true).html(caption: "Run"),
                        Table(header: ["option", "value"], rows: options, isText: true).html(caption: "Options"),
                    ]),
            ])
    }

    private func card(_ title: String, _ table: Table) -> HTML {
        .tag("section", ["class": "card"], [.tag("h2", title), table.html(caption: title)])
    }

    private func count(_ value: Int) -> String { Quantity.count.written(Double(value)) }

    private func seconds(_ value: Double?) -> String { value.map(Quantity.second.written) ?? "–" }

    private func byFrequency(_ counts: [String: Int]) -> [(key: String, value: Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    }
}
