import Foundation

/// The meaning of a number in the report, which decides how it is written: the same whatever the machine's language.
enum Quantity: Sendable {
    /// How many.
    case count
    /// How many each second.
    case rate
    /// Milliseconds; written as µs, ms or s.
    case latency
    /// Seconds since the run's start.
    case second
    case minute
    /// 0 … 1, written in percent.
    case share
    case bytes

    /// The number with its unit, with about three figures: for tables and read-outs.
    func written(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        switch self {
        case .count: return Self.grouped(value, decimals: 0)
        case .rate: return Self.grouped(value, decimals: value < 100 && value != value.rounded() ? 1 : 0) + "/s"
        case .latency:
            if value == 0 { return "0 ms" }
            if value < 1 { return Self.threeFigures(value * 1000) + " µs" }
            return value < 1000 ? Self.threeFigures(value) + " ms" : Self.threeFigures(value / 1000) + " s"
        case .second: return Self.grouped(value, decimals: value == value.rounded() ? 0 : 1) + " s"
        case .minute: return Self.grouped(value, decimals: value == value.rounded() ? 0 : 1) + " min"
        case .share: return Self.threeFigures(value * 100) + " %"
        case .bytes: return Self.scaled(value, by: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB"])
        }
    }

    /// The number as short as an axis wants it: 10k, 5 ms, 2 min. `value` is a round number.
    func onAxis(_ value: Double) -> String {
        switch self {
        case .count: return Self.scaled(value, by: 1000, units: ["", "k", "M", "G", "T"])
        case .rate: return Self.scaled(value, by: 1000, units: ["", "k", "M", "G", "T"]) + "/s"
        case .latency, .second, .minute, .share, .bytes: return written(value)
        }
    }

    private static func scaled(_ value: Double, by factor: Double, units: [String]) -> String {
        var value = value
        var unit = 0
        while abs(value) >= factor, unit < units.count - 1 {
            value /= factor
            unit += 1
        }
        let separator = units[unit].count > 1 || units[unit] == "B" ? " " : ""
        return threeFigures(value) + separator + units[unit]
    }

    /// Three figures, without zeros at the end of a fraction; whole numbers stay whole.
    private static func threeFigures(_ value: Double) -> String {
        let size = abs(value)
        let decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
        let text = grouped(value, decimals: decimals)
        guard text.contains(".") else { return text }
        let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return String(short.reversed())
    }

    /// 1234567.5 as "1,234,567.5".
    private static func grouped(_ value: Double, decimals: Int) -> String {
        let text = String(format: "%.\(decimals)f", abs(value))
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var whole = ""
        for (index, digit) in parts[0].reversed().enumerated() {
            if index > 0, index.isMultiple(of: 3) { whole.append(",") }
            whole.append(digit)
        }
        let fraction = parts.count > 1 ? "." + parts[1] : ""
        let isZero = text.allSatisfy { $0 == "0" || $0 == "." }
        return (value < 0 && !isZero ? "−" : "") + String(whole.reversed()) + fraction
    }
}
