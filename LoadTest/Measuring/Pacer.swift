import Core

/// When the next of many events is due at a given rate: an open loop, which does not wait for answers.
///
/// Times are nanoseconds of one monotonic clock. With a ramp the rate rises linearly from nothing to the full one, so
/// the nth event of the ramp is due at √(2·n·ramp/rate).
struct Pacer: Sendable {
    private let start: Int
    private let perSecond: Double
    private let rampSeconds: Double
    /// Events before the full rate is reached.
    private let rampEvents: Double
    private var count = 0.0

    /// - Parameters:
    ///   - perSecond: more than 0.
    ///   - phase: 0 ..< 1, how far into its first interval the schedule begins: several processes interleave.
    init(start: Int, perSecond: Double, rampSeconds: Double = 0, phase: Double = 0) {
        precondition(perSecond > 0)
        self.start = start
        self.perSecond = perSecond
        self.rampSeconds = rampSeconds
        rampEvents = perSecond * rampSeconds / 2
        count = phase
    }

    /// The moment of the next event.
    var nextDue: Int {
        let seconds =
            count < rampEvents
            ? (2 * count * rampSeconds / perSecond).squareRoot() : rampSeconds + (count - rampEvents) / perSecond
        return start + Int(seconds * 1e9)
    }

    /// The intended moment of the next event if that has come, which is thereby taken.
    mutating func takeDue(at now: Int) -> Int? {
        let due = nextDue
        guard due <= now else { return nil }
        count += 1
        return due
    }
}
