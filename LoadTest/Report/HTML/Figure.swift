/// A plot with what belongs to it: title, legend, a note, and its numbers as a table. Or the reason why there is none.
struct Figure: Sendable {
    struct LegendEntry: Sendable {
        /// Class of the swatch: "look…" or "tier…".
        var look: String
        /// A line with its dashes, or a patch.
        var isLine: Bool
        var name: String
    }

    var title: String
    var legend: [LegendEntry] = []
    private let note: String
    private let plot: Plot?
    private let table: Table?
    /// Small tables always show; long ones on demand.
    private let isTableLong: Bool

    init(title: String, note: String, plot: Plot, table: Table, isTableLong: Bool) {
        self.title = title
        self.note = note
        self.plot = plot
        self.table = table
        self.isTableLong = isTableLong
        let series = plot.strips.flatMap(\.series)
        legend = series.map { series in
            let isLine = if case .line = series.form { true } else { false }
            return LegendEntry(look: "look\(series.look)", isLine: isLine, name: series.name)
        }
    }

    private init(title: String, reason: String) {
        self.title = title
        note = "Left out: \(reason)"
        plot = nil
        table = nil
        isTableLong = false
    }

    /// A figure without a plot: a sentence says why.
    static func leftOut(_ title: String, because reason: String) -> Figure { Figure(title: title, reason: reason) }

    func html() -> HTML {
        guard let plot, let table else {
            return .tag("section", ["class": "card left-out"], [.tag("h2", title), .tag("p", note)])
        }
        let entries: [HTML] = legend.map { .tag("li", [:], [key($0), .text($0.name)]) }
        let rows = table.html(caption: title)
        return .tag(
            "section", ["class": "card"],
            [
                .tag("h2", title),
                .tag(
                    "figure", [:],
                    [
                        .tag(
                            "figcaption", [:],
                            [.tag("span", ["class": "note"], note), .tag("ul", ["class": "legend"], entries)]),
                        .tag("div", ["class": "drawing"], [PlotDrawing(plot).svg()]),
                        .tag("output", ["aria-live": "off"]),
                    ]),
                isTableLong ? .tag("details", [:], [.tag("summary", "The figures as a table"), rows]) : rows,
            ])
    }

    /// A sample of the line or patch, as the drawing has it.
    private func key(_ entry: LegendEntry) -> HTML {
        let mark: HTML =
            entry.isLine
            ? .tag("line", ["class": "line \(entry.look)", "x1": "1", "y1": "6", "x2": "29", "y2": "6"])
            : .tag("rect", ["class": "patch \(entry.look)", "width": "30", "height": "12", "rx": "2"])
        return .tag(
            "svg",
            ["xmlns": "http://www.w3.org/2000/svg", "class": "key", "viewBox": "0 0 30 12", "aria-hidden": "true"],
            [mark])
    }
}

/// Rows of text under a header; the first column names the row, the others are figures.
struct Table: Sendable {
    var header: [String]
    var rows: [[String]]
    /// For columns of words.
    var isText = false

    func html(caption: String) -> HTML {
        let head: [HTML] = header.map { .tag("th", ["scope": "col"], $0) }
        let body: [HTML] = rows.map { row in
            let cells: [HTML] = row.enumerated().map { index, cell in
                index == 0 ? .tag("th", ["scope": "row"], cell) : .tag("td", [:], cell)
            }
            return .tag("tr", [:], cells)
        }
        return .tag(
            "div", ["class": isText ? "table words" : "table"],
            [
                .tag(
                    "table", [:],
                    [
                        .tag("caption", caption), .tag("thead", [:], [.tag("tr", [:], head)]),
                        .tag("tbody", [:], [.lines(body)]),
                    ])
            ])
    }
}
