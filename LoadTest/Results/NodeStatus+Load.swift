import Toolkit

extension NodeStatus {
    /// nil of a node that does not act on its tier.
    var actedTier: String? { isDryRun ? nil : tierName }

    /// From the best to the worst.
    private static let tiers = ["normal", "light", "moderate", "heavy"]

    /// The one that gives up most; one that this version does not know counts as the worst.
    static func worstTier(_ tiers: [String]) -> String? {
        tiers.max { rank($0) < rank($1) }
    }

    private static func rank(_ tier: String) -> Int { tiers.firstIndex(of: tier) ?? tiers.count }
}
