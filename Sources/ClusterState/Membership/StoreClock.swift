/// A node's knowledge of the store's clock, from answers that say what time it was there. An answer may lie unread for
/// seconds, as may a question; so each bounds by how much that clock is ahead, and the bounds of all hold together
/// (Cristian, "Probabilistic clock synchronization", 1989). A late answer takes nothing from what an early one said.
package struct StoreClock: Equatable, Sendable {
    /// Two clocks drift apart by one millisecond in so many: NTP slews a clock by 500 ppm at most.
    private static let driftMilliseconds = 2_000

    private struct Known: Equatable {
        /// By how much the store's clock is ahead of the loop's, in milliseconds.
        let ahead: ClosedRange<Int>
        /// Loop milliseconds.
        let at: Int
    }

    private var known: Known?

    package init() {}

    /// By how much the store's clock is ahead of the loop's, in milliseconds; nil: it has not said yet.
    package var ahead: Int? {
        known.map { $0.ahead.lowerBound + ($0.ahead.upperBound - $0.ahead.lowerBound) / 2 }
    }

    /// The store has said what time it was there.
    /// - Parameters:
    ///   - time: Unix milliseconds by its clock, from 0 to 2^53.
    ///   - askedAt: when it was asked, loop milliseconds.
    ///   - now: when the answer was read, loop milliseconds, not before that.
    package mutating func answered(_ time: Int, askedAt: Int, at now: Int) {
        // Both clocks count whole milliseconds.
        var ahead = (time - now - 1)...(time - askedAt + 1)
        if let known {
            let drift = (now - known.at + Self.driftMilliseconds - 1) / Self.driftMilliseconds
            let former = (known.ahead.lowerBound - drift)...(known.ahead.upperBound + drift)
            // Without a common part the clock was set, or it is another one.
            if former.overlaps(ahead) { ahead = ahead.clamped(to: former) }
        }
        known = Known(ahead: ahead, at: now)
    }
}
