/// What a test reads of `GET /api/system/status`.
struct NodeStatus: Decodable, Sendable {
    let mode: String
    private let governor: Governor?

    private struct Governor: Decodable, Sendable {
        let tier: String
        let pressure: Double?
        let shedTotal: [String: Int]?
        let isDryRun: Bool?
        enum CodingKeys: String, CodingKey {
            case tier, pressure
            case shedTotal = "shed_total"
            case isDryRun = "dry_run"
        }
    }

    /// nil of a node that has none, or that does not act on it.
    var tier: String? { governor?.isDryRun == true ? nil : governor?.tier }
    var pressure: Double? { governor?.pressure }
    var shedTotal: [String: Int]? { governor?.shedTotal }

    /// From the best to the worst.
    private static let tiers = ["normal", "light", "moderate", "heavy"]

    /// The one that gives up most; one that this version does not know counts as the worst.
    static func worstTier(_ tiers: [String]) -> String? {
        tiers.max { rank($0) < rank($1) }
    }

    private static func rank(_ tier: String) -> Int { tiers.firstIndex(of: tier) ?? tiers.count }
}
