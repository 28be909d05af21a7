/// One variable of the configuration: a row of the table that the parser, `.env.example` and the README's table are
/// made of.
package struct Setting: Sendable {
    /// How a value is written and what it may be.
    package enum Kind: Sendable {
        /// A whole number. An upper bound of nil is `Setting.openUpperBound`.
        case integer(lower: Int, upper: Int?)
        /// A duration in seconds, held in milliseconds; the bounds are in seconds. Decimals (at most three) where a
        /// fraction is of use.
        case seconds(lower: Int, upper: Int?, decimals: Bool)
        /// A duration in seconds with decimals (at most three), whose bounds need not be whole seconds.
        case fraction(lowerMilliseconds: Int, upperMilliseconds: Int)
        /// One of these words, in any case.
        case word([String])
        /// `1` or `0`.
        case flag
        /// Text with a rule of its own, which `rule` says as a sentence part.
        case text(rule: String)
    }

    /// Where an open range ends: no machine has as much of anything that is counted here, and as seconds, in
    /// milliseconds and added to a clock it is far from overflowing.
    package static let openUpperBound = 1_000_000_000_000

    /// The word for a limit that is not set; it may be written, too.
    package static let off = "off"

    /// The variable's name.
    package let name: String
    /// How it is written and what it may be.
    package let kind: Kind
    /// The value that stands in when the variable is not set, as one would write it; nil when unset means "none".
    package let defaultText: String?
    /// The README's words where there is no default value to write: "off", "made at the start", …
    package let defaultNote: String
    /// Whether the value must not be shown.
    package let isSecret: Bool
    /// Its purpose, as one sentence.
    package let help: String

    init(
        _ name: String, _ kind: Kind, default defaultText: String?, note: String = "none", secret: Bool = false,
        canBeOff: Bool = false, _ help: String
    ) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.defaultNote = note
        self.isSecret = secret
        self.canBeOff = canBeOff || note == Self.off
        self.help = help
    }

    /// Whether the variable is a limit that is off by default.
    let canBeOff: Bool

    /// The allowed values, as a sentence part: "a whole number from 1 to 65535".
    package var rule: String {
        switch kind {
        case .integer(let lower, let upper):
            "a whole number " + Self.range(lower, upper) + (canBeOff ? ", or \(Self.off)" : "")
        case .seconds(let lower, let upper, decimals: false): "a whole number of seconds " + Self.range(lower, upper)
        case .seconds(let lower, let upper, decimals: true):
            "a number of seconds " + Self.range(lower, upper) + ", with up to three decimals"
        case .fraction(let lower, let upper):
            "a number of seconds from \(Self.seconds(lower)) to \(Self.seconds(upper)), with up to three decimals"
        case .word(let words): words.joined(separator: ", ").replacingLastComma() + " (in any case)"
        case .flag: "1 or 0"
        case .text(let rule): rule
        }
    }

    /// The allowed values, short enough for a table's cell: "1–65535".
    package var rangeText: String {
        switch kind {
        case .integer(let lower, let upper):
            "\(lower)–\(upper.map(String.init) ?? "")" + (canBeOff ? " or \(Self.off)" : "")
        case .seconds(let lower, let upper, let decimals):
            "\(lower)–\(upper.map(String.init) ?? "")" + (decimals ? " (decimals allowed)" : "")
        case .fraction(let lower, let upper): "\(Self.seconds(lower))–\(Self.seconds(upper)) (decimals allowed)"
        case .word(let words): words.joined(separator: ", ")
        case .flag: "0, 1"
        case .text(let rule): rule
        }
    }

    /// Milliseconds as seconds: 100 is "0.1".
    private static func seconds(_ milliseconds: Int) -> String {
        let text = "\(Double(milliseconds) / 1000)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private static func range(_ lower: Int, _ upper: Int?) -> String {
        upper.map { "from \(lower) to \($0)" } ?? "from \(lower) up"
    }
}

extension String {
    /// "a, b, c" as "a, b or c".
    fileprivate func replacingLastComma() -> String {
        guard let comma = lastIndex(of: ",") else { return self }
        return self[..<comma] + " or" + self[index(after: comma)...]
    }
}
