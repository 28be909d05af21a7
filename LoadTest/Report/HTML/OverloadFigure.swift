/// The steps of the overload scenario: what was offered and what got through, and what it cost in latency.
enum OverloadFigure {
    /// Nil when the run had no such steps.
    static func make(_ steps: [LoadReport.OverloadStep]) -> Figure? {
        guard !steps.isEmpty else { return nil }
        func series(_ name: String, look: Int, form: Plot.Series.Form, _ value: (LoadReport.OverloadStep) -> Double)
            -> Plot.Series
        {
            let points = steps.enumerated().map { Plot.Series.Point(x: Double($0) + 0.5, y: value($1)) }
            return Plot.Series(name: name, look: look, form: form, points: points)
        }
        let rates = steps.flatMap { [$0.offeredPerSecond, $0.goodputPerSecond] }
        let latencies = steps.flatMap { [$0.p50, $0.p99] }
        let strips = [
            Plot.Strip(
                title: "messages each second", height: 180, y: .linear(upTo: rates.max() ?? 0, .rate),
                series: [
                    series("offered", look: 4, form: .bars(from: -0.32, to: -0.02)) { $0.offeredPerSecond },
                    series("goodput", look: 0, form: .bars(from: 0.02, to: 0.32)) { $0.goodputPerSecond },
                ]),
            Plot.Strip(
                title: "latency, logarithmic", height: 150, y: .logarithmic(latencies, .latency),
                series: [
                    series("median", look: 2, form: .line) { $0.p50 }, series("p99", look: 1, form: .line) { $0.p99 },
                ]),
        ]
        let table = Table(header: header, rows: steps.map(cells))
        let readOuts = table.rows.enumerated().map { index, row in
            let parts = zip(header, row).dropFirst().map { "\($0) \($1)" }.joined(separator: ", ")
            return Plot.ReadOut(from: Double(index), to: Double(index + 1), text: "\(row[0]): \(parts)")
        }
        let title = "Overload, step by step"
        let plot = Plot(
            name: "overload", title: title,
            description: "Offered rate and goodput as bars, median and 99th percentile as lines, for each step: "
                + steps.map(\.name).joined(separator: ", ") + ". The table below has the numbers.",
            x: .categories(steps.map(\.name)), strips: strips, readOuts: readOuts)
        return Figure(
            title: title, note: "goodput: what got through of what was offered", plot: plot, table: table,
            isTableLong: false)
    }

    private static let header = [
        "step", "of capacity", "offered", "goodput", "p50", "p99", "refused", "worst tier", "recovered after",
    ]

    private static func cells(_ step: LoadReport.OverloadStep) -> [String] {
        [
            step.name, Quantity.share.written(step.factor), Quantity.rate.written(step.offeredPerSecond),
            Quantity.rate.written(step.goodputPerSecond), Quantity.latency.written(step.p50),
            Quantity.latency.written(step.p99), Quantity.rate.written(step.refusedPerSecond), step.worstTier ?? "–",
            step.recoverySeconds.map(Quantity.second.written) ?? "–",
        ]
    }
}
