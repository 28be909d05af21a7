/// The bounds of locks. Spans are milliseconds.
package enum LockLimits {
    /// From the margin three times over, so that there is time for two renewals, to a span that a cluster can do
    /// without new grants after its store was lost: a quarantine is as long as the longest.
    package static let ttlMilliseconds = 3_000...30_000
    /// By how much a holder gives up before its lease ends in the store: room for the tick that notices, for what
    /// `onLost` stops, and for clocks that differ in pace (3 % of the longest ttl).
    package static let marginMilliseconds = 1_000
    /// How often a waiter asks, should no wake-up reach it.
    package static let pollMilliseconds = 1_000
    /// A waiter that has not asked for so long has gone: several polls, so that a slow one keeps its place.
    package static let waiterExpiryMilliseconds = 5_000
    /// The wait after an attempt at renewal or release that failed.
    package static let retryMilliseconds = 250
    /// Waiters of one lock, in the whole cluster.
    package static let waitersMax = 1_000
    /// Locks that one keeper holds or waits for.
    package static let locksMax = 10_000
    /// Releases that one keeper still owes to a store that is away. Beyond, a lock ends by its ttl.
    package static let releasesMax = 1_000
}
