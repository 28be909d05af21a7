/// How much of its service a node gives up to keep the rest useful. From the best to the worst; the names are on the
/// wire.
package enum Tier: Int, CaseIterable, Comparable, Sendable {
    case normal, light, moderate, heavy

    package var name: StaticString {
        switch self {
        case .normal: "normal"
        case .light: "light"
        case .moderate: "moderate"
        case .heavy: "heavy"
        }
    }

    /// The tier of this name; nil for none.
    package init?(named name: some StringProtocol) {
        guard let tier = Self.allCases.first(where: { "\($0.name)" == name }) else { return nil }
        self = tier
    }

    package static func < (left: Tier, right: Tier) -> Bool { left.rawValue < right.rawValue }
}
