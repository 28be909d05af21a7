import ControlPlane

/// Which connections are still to be told of a change of tier: all of a worker's, spread over two seconds, so that
/// telling is no load of its own.
struct TierNotices {
    /// Ticks of the loop over which a change is told: two seconds.
    private static let ticks = 8

    /// Connections with the tier that they know of.
    private var waiting: ContiguousArray<(key: UInt64, known: Tier)> = []
    private var perTick = 0

    /// The tier has changed; those who were not told of the former change hear of this one alone.
    /// - Parameter keys: connections that are to be told, in the order of telling.
    mutating func changed(from former: Tier, keys: some Sequence<UInt64>) {
        var known: [UInt64: Tier] = [:]
        for notice in waiting { known[notice.key] = notice.known }
        waiting = ContiguousArray(keys.map { ($0, known[$0] ?? former) })
        perTick = max(1, (waiting.count + Self.ticks - 1) / Self.ticks)
    }

    /// The next ones to be told; to be called at each tick.
    mutating func takeDue() -> ArraySlice<(key: UInt64, known: Tier)> {
        guard !waiting.isEmpty else { return [] }
        let due = Array(waiting.suffix(perTick))
        waiting.removeLast(due.count)
        return due[...]
    }
}
