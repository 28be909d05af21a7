/// The heartbeat of a connection: when its peer was heard last, and when it gets the next ping.
///
/// A value of its connection. Times come in and go out as loop milliseconds; they are kept in tenths of a second, which
/// fit in 32 bits for 13 years.
struct Heartbeat {
    /// The thing to do when the timer has fired.
    enum Beat {
        case nothing
        case ping
        /// The peer has given no sign of life for too long.
        case close
    }

    private static let grain = 100

    private var lastHeardTick: UInt32 = 0
    private var nextPingTick: UInt32 = 0

    private var lastHeardAt: Int { Int(lastHeardTick) * Self.grain }
    private var nextPingAt: Int {
        get { Int(nextPingTick) * Self.grain }
        set { nextPingTick = UInt32(truncatingIfNeeded: newValue / Self.grain) }
    }

    /// A byte came, or the peer took some.
    @inline(__always)
    mutating func heard(at now: Int) { lastHeardTick = UInt32(truncatingIfNeeded: now / Self.grain) }

    /// Pings begin, at a moment of the connection's own, so that many connections do not beat together.
    mutating func began(at now: Int, interval: Int, using random: inout some RandomNumberGenerator) {
        nextPingAt = now + Int.random(in: (interval + 1) / 2...interval, using: &random)
    }

    /// - Parameters:
    ///   - fairNow: the time by which silence is judged: after a stall of this thread not all was heard yet.
    ///   - interval: milliseconds between pings.
    ///   - timeout: milliseconds of silence that end the connection.
    mutating func timerFired(at now: Int, fairNow: Int? = nil, interval: Int, timeout: Int) -> Beat {
        if (fairNow ?? now) - lastHeardAt >= timeout { return .close }
        guard now >= nextPingAt else { return .nothing }
        nextPingAt = now + interval
        return .ping
    }

    /// When the timer must fire next.
    func nextBeat(timeout: Int) -> Int { min(nextPingAt, lastHeardAt + timeout) }
}
