/// How often one connection may act: a rate with a burst of twice the rate, as numbers that `RateLimiter` needs.
///
/// One value for all connections of a tier; 24 bytes.
package struct RatePolicy: Sendable, Equatable {
    /// The lowest and highest rate.
    package static let range = 1...1_000_000_000

    /// The rate, per second.
    package let perSecond: Int
    /// The cost of one token in nanoseconds: 10⁹ / rate, rounded up, so that the rate is never exceeded. Below a rate
    /// of 10⁶ the rounding takes less than 0.1 % away.
    let tokenNanoseconds: Int
    /// A full bucket in nanoseconds: as many token costs as the burst has tokens; 2·10⁹ to 4·10⁹.
    let bucketNanoseconds: Int

    /// A policy.
    ///
    /// - Parameter perSecond: tokens per second, clamped to 1…10⁹ (configuration checks it before).
    package init(perSecond: Int) {
        self.perSecond = min(max(perSecond, Self.range.lowerBound), Self.range.upperBound)
        self.tokenNanoseconds = (1_000_000_000 + self.perSecond - 1) / self.perSecond
        self.bucketNanoseconds = 2 * self.perSecond * tokenNanoseconds
    }

    /// How many tokens may be taken at once after a rest.
    package var burst: Int { 2 * perSecond }

    /// How many refusals within ten seconds are still no flooding.
    package var refusalsMax: Int { 10 * perSecond }
}

/// A token bucket of eight bytes that refills continuously: one per connection.
///
/// The generic cell rate algorithm (ITU-T I.371, virtual scheduling): instead of tokens and a refill time it keeps
/// the one moment at which the bucket will be full again. A refusal takes nothing. The policy may change between two
/// calls (a tier lowers the rate): the state is time, so it stays meaningful, and it is never more than a bucket
/// ahead.
package struct RateLimiter: Sendable {
    /// The answer to one request.
    package enum Decision: Equatable, Sendable {
        /// A token was taken.
        case allowed
        /// No token; one will be there after so many milliseconds (rounded up, from 1).
        case refused(retryMilliseconds: Int)
    }

    /// The moment of a full bucket, in the caller's nanoseconds.
    private var fullAt = Int.min

    /// A full bucket.
    package init() {}

    /// Takes a token if there is one.
    ///
    /// - Parameter nanoseconds: a monotonic clock's present time. Should it step back, the bucket is at worst
    ///   empty at that moment.
    package mutating func take(now nanoseconds: Int, policy: RatePolicy) -> Decision {
        let (latest, overflow) = nanoseconds.addingReportingOverflow(policy.bucketNanoseconds)
        guard !overflow else { return .allowed }
        fullAt = min(max(fullAt, nanoseconds), latest)
        let wait = fullAt - (latest - policy.tokenNanoseconds)
        guard wait <= 0 else {
            return .refused(retryMilliseconds: (wait + 999_999) / 1_000_000)
        }
        fullAt += policy.tokenNanoseconds
        return .allowed
    }

    /// Whether the bucket differs from a new one.
    package func isInUse(at nanoseconds: Int) -> Bool { fullAt > nanoseconds }
}

/// Counts refusals in windows of ten seconds, to distinguish a flood from a burst: eight bytes per connection.
///
/// A window begins with the first refusal after the one before has ended. So nobody counts as a flood who was not
/// refused more than ten times the rate within ten seconds, and one who keeps it up is found within two windows.
package struct FloodCounter: Sendable {
    /// The window's length.
    package static let windowMilliseconds: UInt32 = 10_000

    /// Truncated to 32 bits, which wrap after 49 days; a count as old as that would have to be met within the same ten
    /// seconds to be taken for a present one.
    private var windowStart: UInt32 = 0
    /// Saturates at a number that one connection can't reach within a window.
    private var refusals: UInt32 = 0

    /// A counter that has seen nothing.
    package init() {}

    /// Counts a refusal and answers whether these are now more than ten times the rate within ten seconds.
    ///
    /// - Parameter milliseconds: a monotonic clock's present time, from 0.
    package mutating func refused(now milliseconds: Int, policy: RatePolicy) -> Bool {
        let now = UInt32(truncatingIfNeeded: milliseconds)
        if refusals == 0 || now &- windowStart >= Self.windowMilliseconds {
            windowStart = now
            refusals = 0
        }
        if refusals < UInt32.max {
            refusals += 1
        }
        return Int(refusals) > policy.refusalsMax
    }
}
