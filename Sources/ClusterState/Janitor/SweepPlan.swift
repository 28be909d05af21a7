/// When what dead nodes left is swept, and which nodes count as dead.
///
/// A node is dead when the membership says so, or when something of it was found and nobody has known it for a while:
/// then it died while nobody was there to see it. Pure: times are milliseconds of one monotonic clock.
package struct SweepPlan: Sendable {
    /// Between two sweeps when nothing happens.
    private static let intervalMilliseconds = 300_000
    /// Between two sweeps while something is left that must be waited for, or after a failure.
    private static let retryMilliseconds = 15_000
    /// Dead nodes that are remembered, the newest ones.
    private static let goneMax = 64

    private let expiry: Int
    private var gone: [String] = []
    /// Since when nodes that nobody knows have been found.
    private var unknown: [String: Int] = [:]
    private var dueAt: Int
    /// A node has gone since the last sweep began, which so may have passed over what it left.
    private var hasNews = false

    /// - Parameter expiry: after how long a silent node counts as gone, in milliseconds.
    package init(expiry: Int, at now: Int) {
        self.expiry = expiry
        dueAt = now
    }

    /// A node has gone: what it left is swept at once.
    package mutating func nodeGone(_ boot: String, at now: Int) {
        gone.append(boot)
        if gone.count > Self.goneMax { gone.removeFirst() }
        dueAt = now
        hasNews = true
    }

    /// A node that was gone lives: what it publishes from now on stays.
    package mutating func nodeReturned(_ boot: String) { gone.removeAll { $0 == boot } }

    /// This node takes over the sweeping.
    package mutating func began(at now: Int) { dueAt = now }

    /// A sweep begins.
    package mutating func sweepBegan() { hasNews = false }

    package func isDue(at now: Int) -> Bool { now >= dueAt }

    /// The dead and the living nodes, for a sweep that begins now.
    package func nodes(living: [String], at now: Int) -> Sweep.Nodes {
        let forgotten = unknown.filter { now - $0.value >= 2 * expiry && !living.contains($0.key) }.map(\.key)
        return Sweep.Nodes(gone: gone.filter { !living.contains($0) } + forgotten.sorted(), living: living)
    }

    /// A sweep is over; these nodes are neither dead nor known to live.
    package mutating func swept(unknown found: Set<String>, at now: Int) {
        unknown = Dictionary(uniqueKeysWithValues: found.map { ($0, unknown[$0] ?? now) })
        // One that went a moment ago still counts as beating by the store's clock.
        let isDoubtful = gone.contains { found.contains($0) }
        let wait = isDoubtful ? min(expiry, Self.retryMilliseconds) : Self.retryMilliseconds
        dueAt = hasNews ? now : now + (found.isEmpty ? Self.intervalMilliseconds : wait)
    }

    /// A sweep came to nothing.
    package mutating func failed(at now: Int) { dueAt = now + Self.retryMilliseconds }
}
