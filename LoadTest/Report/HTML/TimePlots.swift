/// The plots over the time of a run. All have the same time axis and the run's phases as bands.
struct TimePlots {
    private let report: LoadReport
    private let timeline: Timeline

    init(_ report: LoadReport) {
        self.report = report
        timeline = Timeline(report)
    }

    var figures: [Figure] { [latency, throughput, degradation] }

    private var latency: Figure {
        let title = "Latency over time"
        let columns: [Column] = [
            Column("median", .latency, \.p50), Column("p99", .latency, \.p99), Column("maximum", .latency, \.max),
        ]
        let values = columns.flatMap { column in timeline.points.compactMap(column.value) }
        guard !values.isEmpty else {
            return .leftOut(title, because: "no message was delivered, so there is no latency to draw.")
        }
        let strip = Plot.Strip(
            title: "from the intended send time to the arrival, logarithmic", height: 240,
            y: .logarithmic(values, .latency), series: series(columns))
        return figure("latency-time", title, [strip], columns, note: "of each second's deliveries")
    }

    private var throughput: Figure {
        let title = "Throughput over time"
        guard !timeline.points.isEmpty else {
            return .leftOut(title, because: "the run ended before its first second was over.")
        }
        let sent = Column("sent", .rate) { Double($0.sent) }
        let refused = Column("refused", .rate) { Double($0.refused) }
        let delivered = Column("delivered", .rate) { Double($0.delivered) }
        let connected = Column("connected", .count) { Double($0.connected) }
        let isRefused = timeline.points.contains { $0.refused > 0 }
        let isSent = isRefused || timeline.points.contains { $0.sent > 0 || $0.delivered > 0 }
        let upper = isRefused ? [sent, refused] : [sent]
        let strips =
            (isSent
                ? [
                    strip(isRefused ? "sent and refused" : "sent", upper, height: 100, firstLook: 0),
                    strip("delivered", [delivered], height: 100, firstLook: 2),
                ] : [])
            + [strip("connected", [connected], height: 80, firstLook: 3)]
        let columns = (isSent ? upper + [delivered] : []) + [connected]
        return figure(
            "throughput-time", title, strips, columns,
            note: isSent ? "messages and members' copies each second" : "no message was sent or delivered")
    }

    /// Tier, pressure and what was shed, where the server said it.
    private var degradation: Figure {
        let title = "Pressure and what was shed"
        let tiers = timeline.tiers
        let kinds = timeline.shedKinds
        let isPressure = timeline.points.contains { $0.pressure != nil }
        guard !tiers.isEmpty || isPressure || !kinds.isEmpty else {
            return .leftOut(title, because: "the server did not say its tier, pressure or counts of shed work.")
        }
        let pressure = Column("pressure", .share, \.pressure)
        // More lines than looks could not be distinguished; the table has all.
        let shed = kinds.map { kind in Column(kind, .count) { ($0.shed?[kind]).map(Double.init) } }
        var strips: [Plot.Strip] = []
        if !tiers.isEmpty {
            strips.append(Plot.Strip(title: "tier", height: 20, y: .hidden, series: [], ribbon: tiers))
        }
        if isPressure { strips.append(strip("pressure", [pressure], height: 100, firstLook: 0)) }
        if !shed.isEmpty {
            strips.append(strip("shed so far, by kind", Array(shed.prefix(5)), height: 110, firstLook: 1))
        }
        let note =
            shed.isEmpty
            ? "nothing was shed" : shed.count > 5 ? "the five most frequent kinds are drawn" : "totals since the start"
        var figure = figure("degradation", title, strips, (isPressure ? [pressure] : []) + shed, note: note)
        figure.legend += Set(tiers.map(\.name)).sorted { (Plot.Strip.tierRank($0), $0) < (Plot.Strip.tierRank($1), $1) }
            .map { Figure.LegendEntry(look: "tier\(Plot.Strip.tierRank($0))", isLine: false, name: $0) }
        return figure
    }

    // What the plots share

    /// One number of each sample: a line, a column of the table, a part of the read-out.
    private struct Column {
        let name: String
        let quantity: Quantity
        let value: (LoadReport.Sample) -> Double?

        init(_ name: String, _ quantity: Quantity, _ value: @escaping (LoadReport.Sample) -> Double?) {
            self.name = name
            self.quantity = quantity
            self.value = value
        }
    }

    private func series(_ columns: [Column], firstLook: Int = 0) -> [Plot.Series] {
        columns.enumerated().map { index, column in
            let points = timeline.points.map { Plot.Series.Point(x: $0.second, y: column.value($0)) }
            return Plot.Series(name: column.name, look: firstLook + index, points: points)
        }
    }

    private func strip(_ title: String, _ columns: [Column], height: Double, firstLook: Int) -> Plot.Strip {
        let highest = columns.flatMap { timeline.points.compactMap($0.value) }.max() ?? 0
        return Plot.Strip(
            title: title, height: height,
            y: .linear(upTo: highest, columns.first?.quantity ?? .count, steps: height / 30),
            series: series(columns, firstLook: firstLook))
    }

    private func figure(_ name: String, _ title: String, _ strips: [Plot.Strip], _ columns: [Column], note: String)
        -> Figure
    {
        let hasTiers = strips.contains { !$0.ribbon.isEmpty }
        let rows = timeline.points.map { point in
            [Quantity.second.written(point.second)]
                + columns.map { column in column.value(point).map(column.quantity.written) ?? "–" }
                + (hasTiers ? [point.tier ?? "–"] : [])
        }
        let header = ["second"] + columns.map(\.name) + (hasTiers ? ["tier"] : [])
        let readOuts = rows.enumerated().map { index, row in
            let (from, to) = timeline.extent(of: index)
            let parts = zip(header, row).dropFirst().map { "\($0) \($1)" }
            return Plot.ReadOut(from: from, to: to, text: "\(row[0]): " + parts.joined(separator: ", "))
        }
        let span = timeline.secondsPerPoint
        let grain = span == 1 ? "" : "; each point stands for \(span) seconds (counts: the mean, latencies: the worst)"
        let plot = Plot(
            name: name, title: title,
            description: "\(title), \(rows.count) points over \(Quantity.second.written(timeline.end)): "
                + header.dropFirst().joined(separator: ", ") + ". The table below has the numbers.",
            x: .time(until: timeline.end), bands: bands, strips: strips, readOuts: readOuts)
        return Figure(
            title: title, note: note + grain, plot: plot, table: Table(header: header, rows: rows),
            isTableLong: true)
    }

    private var bands: [Plot.Band] {
        report.phases.map { Plot.Band(name: $0.name, from: $0.startSecond, to: $0.endSecond) }
    }
}
