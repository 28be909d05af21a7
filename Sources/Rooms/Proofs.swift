/// Numbers the questions of where a log stands, and knows of which of them the whole answer is here: anybody who came
/// before a question was asked can be judged once it is proven.
package struct Proofs: Sendable {
    /// The number of the last question, and of the last one whose whole answer is here.
    private var asked: UInt64 = 0
    private var proven: UInt64 = 0

    package init() {}

    /// The number of the next question.
    package var next: UInt64 { asked + 1 }

    /// A question is asked: its number.
    package mutating func ask() -> UInt64 {
        asked += 1
        return asked
    }

    /// All that was there when a question was asked is here.
    package mutating func prove(_ number: UInt64) { proven = max(proven, number) }

    /// Whether that question, or a later one, has its whole answer.
    package func isProven(_ number: UInt64) -> Bool { proven >= number }
}

/// Looks at where the store's log stands, while it is followed: which one is under way, and what the last one found.
package struct Looks: Sendable {
    /// The number of the look that is under way, of those that `Proofs` gives.
    private var asked: UInt64?
    /// The newest entry that the last look found; 0 before that.
    package private(set) var foundSeq: UInt64 = 0
    /// The last look and what it found, until that is here.
    private var unproven: (number: UInt64, seq: UInt64)?

    package init() {}

    package var isUnderWay: Bool { asked != nil }

    package mutating func began(_ number: UInt64) { asked = number }

    package mutating func refused() { asked = nil }

    /// The store's log stands at `seq`.
    package mutating func found(_ seq: UInt64) {
        if let asked { unproven = (asked, seq) }
        asked = nil
        foundSeq = seq
    }

    /// Entries up to `seq` are here: the number of the look that has its whole answer by that.
    package mutating func reached(_ seq: UInt64) -> UInt64? {
        guard let found = unproven, found.seq <= seq else { return nil }
        unproven = nil
        return found.number
    }
}
