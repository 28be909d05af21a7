/// A run's outcome in one line.
struct Verdict: Sendable, Equatable {
    enum Level: String, Sendable { case good, warning, bad }

    let level: Level
    let headline: String
    let detail: String

    init(_ report: LoadReport) {
        let messages = report.messages
        let connections = report.connections
        let failed = connections.failed.values.reduce(0, +) - connections.refusedByStatus
        let refused = messages.refused.values.reduce(0, +)
        let faults = [
            (messages.lost, "lost"), (messages.duplicated, "duplicated"), (messages.misordered, "out of order"),
            (messages.corrupted ?? 0, "corrupted"),
        ].filter { $0.0 > 0 }.map { "\(Self.count($0.0)) \($0.1)" }
        let remarks = [
            (failed, "failed connections"), (connections.refused, "refused connections"),
            (refused, "refused messages"), (messages.gaps, "gaps that the server said"),
        ].filter { $0.0 > 0 }.map { "\(Self.count($0.0)) \($0.1)" }
        // To refuse what is too much is what the overload scenario asks for.
        let isAsAsked =
            failed == 0 && connections.refused == 0 && messages.gaps == 0 && (refused == 0 || !report.steps.isEmpty)
        let scope =
            messages.sent == 0 && messages.delivered == 0
            ? "No messages were sent."
            : "\(Self.count(messages.acked)) of \(Self.count(messages.sent)) messages acked, "
                + "\(Self.count(messages.delivered)) deliveries checked."
        let isToolBusy = (report.tool?.busyProcesses ?? 0) > 0
        let machineLimits = report.tool?.machineLimits ?? []
        detail =
            scope + (remarks.isEmpty ? "" : " With " + remarks.joined(separator: ", ") + ".")
            + (report.run.endedEarly ? " Ended early by Ctrl-C." : "")
            + (machineLimits.isEmpty
                ? "" : " The machine, not the node, may have been the limit: \(machineLimits.joined(separator: "; ")).")
            + (isToolBusy ? " The load tool itself was at its limit: rates and latencies are doubtful." : "")
        if !faults.isEmpty {
            level = .bad
            headline = "Messages: " + faults.joined(separator: ", ")
        } else if connections.opened == 0, connections.wanted > 0 {
            level = .bad
            headline = "No connection was opened"
        } else {
            level =
                isAsAsked && !report.run.endedEarly && !isToolBusy && machineLimits.isEmpty
                ? .good : .warning
            headline =
                messages.delivered == 0
                ? "\(Self.count(connections.opened)) of \(Self.count(connections.wanted)) connections were opened"
                : "Nothing lost, nothing twice, nothing out of order"
        }
    }

    private static func count(_ value: Int) -> String { Quantity.count.written(Double(value)) }
}
