import Foundation

/// One axis: where a value lies between its two ends, and the round numbers that are written beside it.
struct Scale: Sendable {
    struct Tick: Sendable, Equatable {
        /// 0 … 1.
        var position: Double
        var label: String
    }

    private enum Kind {
        case linear, logarithmic, quantile
    }

    private let kind: Kind
    private let lower: Double
    private let upper: Double
    let ticks: [Tick]

    /// 0 … 1; what lies outside, or is no number, is moved to the nearer end.
    func position(_ value: Double) -> Double {
        let position = (measured(value) - lower) / (upper - lower)
        return position.isNaN ? 0 : min(max(position, 0), 1)
    }

    private func measured(_ value: Double) -> Double {
        switch kind {
        case .linear: value
        case .logarithmic: value > 0 ? log10(value) : lower
        case .quantile: value < 1 ? -log10(1 - max(value, 0)) : upper
        }
    }

    /// From 0 to a round number that is not below `highest`, in about `steps` steps, at most twice as many.
    static func linear(upTo highest: Double, _ quantity: Quantity, steps: Double = 5) -> Scale {
        let least: Double = quantity == .share ? 1 : quantity == .rate || quantity == .count ? 4 : 1
        // What is no number must not become the end of a loop over ticks.
        let highest = highest.isFinite ? max(highest, least) : least
        let step = roundStep(highest / steps)
        let upper = (highest / step).rounded(.up) * step
        let ticks = stride(from: 0, through: upper * 1.000_001, by: step).map {
            Tick(position: $0 / upper, label: quantity.onAxis(($0 / step).rounded() * step))
        }
        return Scale(kind: .linear, lower: 0, upper: upper, ticks: ticks)
    }

    /// From 0 to exactly `end` seconds, with ticks at whole seconds and minutes.
    static func time(until end: Double) -> Scale {
        let end = max(end, 1)
        let steps: [Double] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000, 36000]
        let step = steps.first { end / $0 <= 13 } ?? (end / 13 / 36000).rounded(.up) * 36000
        let ticks = stride(from: 0, through: end, by: step).map {
            Tick(position: $0 / end, label: step < 60 ? Quantity.second.onAxis($0) : Quantity.minute.onAxis($0 / 60))
        }
        return Scale(kind: .linear, lower: 0, upper: end, ticks: ticks)
    }

    /// Around all `values`, at 1, 2 and 5 of each power of ten, or at each power of ten where that is enough.
    static func logarithmic(_ values: [Double], _ quantity: Quantity) -> Scale {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let rounds = (-6...12).flatMap { power in [1, 2, 5].map { $0 * pow(10, Double(power)) } }
        // The least that differs: a microsecond when the values are milliseconds.
        let least = max(positive.min() ?? 1, 0.001)
        let most = max(positive.max() ?? 10, least)
        let lower = rounds.last { $0 <= least * 1.000_001 } ?? rounds[0]
        let upper = rounds.first { $0 >= most * 0.999_999 && $0 > lower * 1.5 } ?? rounds[rounds.count - 1]
        let span = log10(upper / lower)
        let shown = rounds.filter { round in
            guard round >= lower * 0.999, round <= upper * 1.001 else { return false }
            let power = log10(round)
            return span <= 2 || abs(power - power.rounded()) < 0.001
        }
        let ticks = shown.map { Tick(position: log10($0 / lower) / span, label: quantity.onAxis($0)) }
        return Scale(kind: .logarithmic, lower: log10(lower), upper: log10(upper), ticks: ticks)
    }

    /// Quantiles as HdrHistogram draws them: each further nine takes the same room. Ends at the nine that `count`
    /// values can still distinguish; the maximum (1) lies at that end.
    static func quantiles(of count: Int) -> Scale {
        let nines = min(max(log10(Double(max(count, 1))).rounded(.up), 2), 8)
        let marks = [0, 0.5] + (1...Int(nines)).map { 1 - pow(10, -Double($0)) }
        let ticks = marks.map { mark in
            let decimals = mark <= 0.99 ? 0 : Int((-log10(1 - mark)).rounded()) - 2
            return Tick(position: -log10(1 - mark) / nines, label: String(format: "%.\(decimals)f %%", mark * 100))
        }
        return Scale(kind: .quantile, lower: 0, upper: nines, ticks: ticks)
    }

    /// Equally wide places for `names`; place n is from n to n + 1.
    static func categories(_ names: [String]) -> Scale {
        let count = Double(max(names.count, 1))
        let ticks = names.enumerated().map { Tick(position: (Double($0) + 0.5) / count, label: $1) }
        return Scale(kind: .linear, lower: 0, upper: count, ticks: ticks)
    }

    /// An axis of a strip that has no numbers.
    static let hidden = Scale(kind: .linear, lower: 0, upper: 1, ticks: [])

    /// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
    private static func roundStep(_ step: Double) -> Double {
        let power = pow(10, log10(step).rounded(.down))
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= step * 0.999_999 } ?? 10 * power
    }
}
