import Core

/// From which value on each signal presses, and where it presses with all it has.
package struct SignalMarks: Sendable, Equatable {
    /// One signal's two marks.
    package struct Pair: Sendable, Equatable {
        /// Up to here there is no pressure.
        package let low: Double
        /// From here on it is 1.
        package let high: Double
        /// Whether the way between them is measured in factors rather than in differences, as delays are felt: from 5
        /// to 20 ms is as much as from 20 to 80.
        package let isLogarithmic: Bool

        package func pressure(of value: Double) -> Double {
            guard value > low else { return 0 }
            guard value < high else { return 1 }
            guard isLogarithmic else { return (value - low) / (high - low) }
            return Exponential.logarithm(value / low) / Exponential.logarithm(high / low)
        }
    }

    /// By `Signal.index`.
    private var pairs: [Pair]

    /// The marks of the design.
    package init() { pairs = Signal.allCases.map(Self.standard) }

    package subscript(_ signal: Signal) -> Pair { pairs[signal.index] }

    /// The form of a text with marks.
    package static let rule = "pairs such as loop_lag=5:100,memory=0.7:0.95, the lower mark first"

    /// The marks of the design, but for the signals that `text` names: `signal=low:high`, separated by commas. nil when
    /// it is not of that form, a signal is unknown or stands twice, or a low mark is not below its high one (and above
    /// 0, as half of them are logarithms).
    package init?(overriding text: String) {
        self.init()
        var named: Set<Signal> = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let signal = Signal(named: parts[0].trimmed),
                named.insert(signal).inserted
            else { return nil }
            let marks = parts[1].split(separator: ":", omittingEmptySubsequences: false).map { Decimal($0.trimmed) }
            guard marks.count == 2, let low = marks[0]?.value, let high = marks[1]?.value, 0 < low, low < high else {
                return nil
            }
            pairs[signal.index] = Pair(low: low, high: high, isLogarithmic: self[signal].isLogarithmic)
        }
    }

    private static func standard(_ signal: Signal) -> Pair {
        switch signal {
        case .own(let signal): standard(signal)
        case .cause(let cause): standard(cause)
        }
    }

    private static func standard(_ signal: OwnSignal) -> Pair {
        switch signal {
        // Delays. A turn of 5 ms is what a busy and healthy loop has; after 100 ms users notice.
        case .loopLag: logarithmic(5, 100)
        case .queueDelay: logarithmic(2, 40)
        // Shares of what there is.
        case .memory, .openFiles: linear(0.70, 0.95)
        case .sendQueue, .outbox: linear(0.25, 0.90)
        case .connections: linear(0.85, 1)
        // Percent of the time, or of the periods.
        case .cpuThrottled: linear(2, 25)
        case .memorySome: linear(2, 20)
        case .memoryFull: linear(0.5, 10)
        }
    }

    private static func standard(_ cause: Cause) -> Pair {
        switch cause {
        // In a data centre it is below one; half a second is a tenth of the time after which Redis counts as away.
        case .redisRoundtrip: logarithmic(20, 500)
        case .cpu: linear(0.70, 1)
        case .hostCPU: linear(85, 100)
        case .steal: linear(5, 30)
        case .cpuPressure: linear(40, 95)
        case .ioPressure: linear(5, 50)
        }
    }

    private static func linear(_ low: Double, _ high: Double) -> Pair {
        Pair(low: low, high: high, isLogarithmic: false)
    }
    private static func logarithmic(_ low: Double, _ high: Double) -> Pair {
        Pair(low: low, high: high, isLogarithmic: true)
    }
}

/// A number of digits with at most one point between them; no sign, no exponent, no "inf".
struct Decimal {
    let value: Double

    init?(_ text: Substring) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard (1...2).contains(parts.count), text.utf8.count <= 18,
            parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(digits.contains) }), let value = Double(text)
        else { return nil }
        self.value = value
    }
}

extension Substring {
    /// Without blanks around it.
    var trimmed: Substring {
        var rest = drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        return rest
    }
}
