import Foundation

/// Figures and tables as text.
enum Text {
    /// At most four decimals, none where it is whole.
    static func count(_ value: Double) -> String {
        if value == value.rounded() { return String(format: "%.0f", value) }
        let text = String(format: value < 1 ? "%.4f" : "%.2f", value)
        let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return String(short.reversed())
    }

    /// Nanoseconds with three figures and the unit that fits.
    static func time(_ nanoseconds: Double) -> String {
        let units = ["ns", "µs", "ms", "s"]
        var value = nanoseconds
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value) + " " + units[unit]
    }

    /// Columns under their headers; the first and last to the left, figures to the right.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        let lines = ([header, widths.map { String(repeating: "-", count: $0) }] + rows).map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 || column == header.count - 1 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }
        return lines.map { $0.replacing(#/ +$/#, with: "") }.joined(separator: "\n")
    }

    static func table(_ measurements: [Measurement]) -> String {
        let rows = measurements.map { measurement in
            [
                measurement.name, measurement.nanoseconds.map(time) ?? "–", spread(measurement),
                measurement.allocations.map(count) ?? "–", measurement.bytes.map(count) ?? "–", measurement.operation,
            ]
        }
        return table(["benchmark", "time", "quartiles", "allocations", "bytes", "of one"], rows)
    }

    private static func spread(_ measurement: Measurement) -> String {
        guard let low = measurement.nanosecondsLow, let high = measurement.nanosecondsHigh else { return "–" }
        return "\(time(low)) – \(time(high))"
    }
}
