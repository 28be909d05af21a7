/// Latency by percentile, on an axis where each further nine takes the same room, as HdrHistogram draws it.
struct CurvePlots {
    private let report: LoadReport

    init(_ report: LoadReport) { self.report = report }

    var figures: [Figure] {
        [
            figure(
                "message-percentiles", "Latency of messages by percentile",
                [("delivery to members", report.messages.delivery), ("ack to the sender", report.messages.ack)],
                whenEmpty: "no message was delivered or acked, so there is no latency to draw."),
            figure(
                "handshake-percentiles", "Latency of connecting by percentile",
                [("from connect to the 101", report.connections.handshake)],
                whenEmpty: "no connection was opened, so there is no latency to draw."),
        ]
    }

    private func figure(
        _ name: String, _ title: String, _ latencies: [(name: String, latency: LoadReport.Latency)],
        whenEmpty reason: String
    ) -> Figure {
        let present = latencies.filter { $0.latency.count > 0 && !$0.latency.curve.isEmpty }
        guard !present.isEmpty else { return .leftOut(title, because: reason) }
        let x = Scale.quantiles(of: present.map(\.latency.count).max() ?? 1)
        let values = present.flatMap { $0.latency.curve.map(\.milliseconds) }
        let series = present.enumerated().map { index, entry in
            let points = entry.latency.curve.map { Plot.Series.Point(x: $0.quantile, y: $0.milliseconds) }
            return Plot.Series(name: entry.name, look: index, points: points)
        }
        let strip = Plot.Strip(
            title: "logarithmic", height: 260, y: .logarithmic(values, .latency), series: series)
        let rows = present.map { [$0.name] + LatencyRow.cells($0.latency) }
        let tails = present.map { "\($0.name) \(Quantity.latency.written($0.latency.p99))" }
        let plot = Plot(
            name: name, title: title, description: "\(title). At 99 %: \(tails.joined(separator: ", ")).", x: x,
            strips: [strip])
        return Figure(
            title: title, note: "the share of all that took at most so long", plot: plot,
            table: Table(header: ["what"] + LatencyRow.header, rows: rows),
            isTableLong: false)
    }
}

/// A latency as cells of a table.
enum LatencyRow {
    static let header = ["count", "mean", "p50", "p90", "p99", "p99.9", "maximum"]

    static func cells(_ latency: LoadReport.Latency) -> [String] {
        let values = [latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
        return [Quantity.count.written(Double(latency.count))]
            + values.map { latency.count == 0 ? "–" : Quantity.latency.written($0) }
    }
}
