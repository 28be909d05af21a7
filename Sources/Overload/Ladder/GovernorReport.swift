/// How the governor stands, for whoever shows it: status, metrics, pages.
package struct GovernorReport: Sendable, Equatable {
    /// Changes that are kept.
    package static let changesMax = 50

    /// The decision, for each resource; with `isDryRun` workers do not act on it.
    package var tiers = ResourceTiers(all: .normal)
    /// Since when, Unix milliseconds.
    package var since: Int
    package var isPinned = false
    package var isDryRun = false
    /// The own signal with the highest pressure; nil while none presses.
    package var reason: String?
    /// The probable cause of that; nil while nothing presses that could be one.
    package var cause: Cause?
    /// 0 … 1, smoothed.
    package var pressure = 0.0
    /// Those that this machine has, in a fixed order.
    package var readings: [SignalReading] = []
    /// The least memory limit of a setting or a control group, in bytes; nil when only the machine's memory is one.
    package var memoryLimit: Int?
    /// The last ones, oldest first.
    package var changes: [TierChange] = []
    /// Changes to each tier since the start.
    package var changesTo: [Tier: Int] = [:]
    /// The cost of sampling and deciding since the start, in seconds of a processor.
    package var samplingSeconds = 0.0

    package init(since: Int) { self.since = since }

    /// The node's tier.
    package var tier: Tier { tiers.highest }

    /// The tiers that the node acts on.
    package var tiersInEffect: ResourceTiers { isDryRun ? ResourceTiers(all: .normal) : tiers }
    package var tierInEffect: Tier { tiersInEffect.highest }
}
