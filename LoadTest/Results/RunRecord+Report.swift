import Core
import NetworkIO

/// From what was gathered to the report.
extension RunRecord {
    func report(servers: [ServerMeter]) -> LoadReport {
        LoadReport(
            run: LoadReport.Run(
                version: Version.number, scenario: plan.scenario.rawValue, urls: plan.nodes.map(\.url),
                options: optionList, startedAt: startedAt, seconds: now, endedEarly: endedEarly,
                machine: ProcessTable.machine, processes: plan.processes, seed: plan.seed),
            phases: phases, connections: connections, messages: messages,
            servers: servers.compactMap { server($0, count: servers.count) }, timeline: timeline, steps: steps,
            storm: storm, tool: tool)
    }

    /// Every option with the value in force.
    private var optionList: [LoadReport.Option] {
        let values: [(String, String?)] = [
            ("connections", String(plan.connections)),
            ("rate", plan.connectRate.map(Self.text) ?? "as fast as it goes"),
            ("duration", Self.text(plan.seconds)), ("url", plan.nodes.map(\.url).joined(separator: ",")),
            ("scenario", plan.scenario.rawValue), ("rooms", String(plan.rooms)), ("senders", String(plan.senders)),
            ("message-rate", plan.messageRate.map(Self.text)), ("window", plan.window.map(String.init)),
            ("payload-bytes", String(plan.payloadBytes)), ("ramp", Self.text(plan.rampSeconds)),
            ("capacity", plan.capacity.map(Self.text)), ("processes", String(plan.processes)),
            ("source-addresses", plan.sourceAddresses == 0 ? "the system's" : String(plan.sourceAddresses)),
            ("seed", String(plan.seed)),
        ]
        return values.compactMap { name, value in value.map { LoadReport.Option(name: name, value: $0) } }
    }

    private static func text(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    private var connections: LoadReport.Connections {
        // Churning is connecting all the time.
        let seconds = plan.scenario == .churn ? measuredSeconds : connectSeconds ?? measuredSeconds
        let opened = plan.scenario == .churn ? total.opened : min(total.opened, plan.connections)
        return LoadReport.Connections(
            wanted: plan.connections, opened: total.opened, failed: total.failed,
            perSecond: seconds > 0 ? Double(opened) / seconds : 0, handshake: total.handshake.summary,
            closeCodes: Dictionary(uniqueKeysWithValues: total.closed.map { (String($0.key), $0.value) }))
    }

    private var messages: LoadReport.Messages {
        let seconds = max(measuredSeconds, 0.001)
        return LoadReport.Messages(
            sent: total.sent, acked: total.acked, refused: total.refused, delivered: total.delivered,
            lost: faults.lost, duplicated: faults.duplicated, misordered: faults.misordered,
            corrupted: faults.corrupted, gaps: total.gaps, sentPerSecond: Double(measured.sent) / seconds,
            deliveredPerSecond: Double(measured.delivered) / seconds, receivedBytes: total.receivedBytes,
            delivery: measured.delivery.summary, ack: measured.ack.summary)
    }

    private func server(_ meter: ServerMeter, count: Int) -> LoadReport.Server? {
        guard let pid = meter.pid else { return nil }
        // Connections are spread evenly over the nodes.
        let connections = Double(min(total.opened, plan.connections)) / Double(count)
        let delivered = Double(measured.delivered) / Double(count)
        return LoadReport.Server(
            url: meter.url, pid: pid, connectCPUSeconds: meter.connectCPUSeconds,
            measureCPUSeconds: meter.measureCPUSeconds,
            // Nothing was added when the node used memory again that earlier connections had left.
            bytesPerConnection: meter.bytesAdded.flatMap { $0 > 0 && connections > 0 ? Double($0) / connections : nil },
            deliveriesPerCPUSecond: meter.measureCPUSeconds.flatMap { $0 > 0 ? delivered / $0 : nil })
    }

    private var tool: LoadReport.Tool {
        let seconds = Double(measured.cpuMicroseconds) / 1e6
        return LoadReport.Tool(
            cpuSeconds: seconds, cpuShareMax: cpuShareMax, busyProcesses: busyProcesses.count,
            deliveredPerCPUSecond: seconds > 0 ? Double(measured.delivered) / seconds : nil,
            latenessP99: measured.lateness.milliseconds(at: 99), hostBusyShare: host.busyShare)
    }
}
