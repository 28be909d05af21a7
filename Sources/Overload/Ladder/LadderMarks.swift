/// At which pressures a node goes up the tiers and down again.
package struct LadderMarks: Sendable, Equatable {
    /// Those of one tier.
    package struct Rung: Sendable, Equatable {
        /// From here on the tier is entered.
        package let enter: Double
        /// Below this the tier can be left; less than `enter`.
        package let leave: Double
        /// For how long the pressure has to be below it.
        package let calmMilliseconds: Int
    }

    /// Of light, moderate and heavy.
    private let rungs: [Rung]

    /// How long the pressure has to be low: the longer, the more is given back by the step.
    private static let calmMilliseconds = [5_000, 8_000, 10_000]
    private static let standardEnter = [0.60, 0.75, 0.90]
    private static let standardLeave = [0.45, 0.60, 0.70]

    /// The marks of the design.
    package init() { self.init(checkedEnter: Self.standardEnter, leave: Self.standardLeave) }

    private init(checkedEnter enter: [Double], leave: [Double]) {
        rungs = (0..<3).map { Rung(enter: enter[$0], leave: leave[$0], calmMilliseconds: Self.calmMilliseconds[$0]) }
    }

    /// Other marks, of light, moderate and heavy; nil unless each is left below where it is entered, and both rise from
    /// tier to tier.
    package init?(enter: [Double], leave: [Double]) {
        guard enter.count == 3, leave.count == 3, zip(leave, enter).allSatisfy({ $0 < $1 }),
            enter[0] < enter[1], enter[1] < enter[2], leave[0] <= leave[1], leave[1] <= leave[2]
        else { return nil }
        self.init(checkedEnter: enter, leave: leave)
    }

    /// The form of a text with three marks.
    package static let rule = "three rising numbers above 0 and up to 1, separated by commas"

    /// Three marks from a text such as "0.6,0.75,0.9"; nil for anything else.
    package static func marks(from text: String) -> [Double]? {
        let marks = text.split(separator: ",", omittingEmptySubsequences: false).compactMap {
            Decimal($0.trimmed)?.value
        }
        guard marks.count == 3, text.split(separator: ",", omittingEmptySubsequences: false).count == 3,
            0 < marks[0], marks[0] < marks[1], marks[1] < marks[2], marks[2] <= 1
        else { return nil }
        return marks
    }

    /// The rung that leads to a tier; nil for normal, which nothing leads up to.
    package subscript(_ tier: Tier) -> Rung? { tier == .normal ? nil : rungs[tier.rawValue - 1] }

    /// The tier that a pressure calls for by itself.
    func tier(at pressure: Double) -> Tier {
        Tier.allCases.last { self[$0].map { pressure >= $0.enter } ?? true } ?? .normal
    }
}
