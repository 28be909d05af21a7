/// When work that goes on under a lock, but does not ask the lock before each act, is asked to end, and when it is made
/// to: it is over before the ttl is.
///
/// A state machine. Times are milliseconds of CLOCK_BOOTTIME. Its driver calls `ticked` every 100–250 ms.
package struct LockedWork: Sendable {
    /// How long before the end of the lease the work is asked: at a ttl of 30 s it has 5 s for its end, and Redis has
    /// had 24 s for a renewal.
    private static let noticeDivisor = 6
    /// How long after the end of the lease it is made to end: the ttl goes on for the margin, and the tick may be late.
    private static let graceMilliseconds = LockLimits.marginMilliseconds / 2

    package enum Order: Equatable, Sendable {
        case nothing
        /// It must end by itself.
        case askToEnd
        /// It has had its time.
        case kill
    }

    private enum State {
        case running
        case ending(end: Int)
        case killed
    }

    private let notice: Int
    private var validUntil: Int
    private var state = State.running

    /// - Parameter validUntil: the end of the lease.
    package init(ttl: Int, validUntil: Int) {
        notice = ttl / Self.noticeDivisor
        self.validUntil = validUntil
    }

    /// When somebody else has to make it end, should its driver stand still: later than the driver does, and before the
    /// ttl ends.
    package var deadline: Int { validUntil + LockLimits.marginMilliseconds * 3 / 4 }

    /// Whether it was asked to end.
    package var isEnding: Bool {
        if case .running = state { false } else { true }
    }

    /// Whether it was made to end.
    package var isKilled: Bool {
        if case .killed = state { true } else { false }
    }

    /// The lease ends then, by the last renewal.
    package mutating func renewed(validUntil: Int) { self.validUntil = validUntil }

    /// The lock is not the holder's any more.
    package mutating func lost(at now: Int) -> Order {
        let end = min(now, validUntil) + Self.graceMilliseconds
        switch state {
        case .running:
            state = .ending(end: end)
            return .askToEnd
        case .ending(let planned):
            state = .ending(end: min(planned, end))
            return .nothing
        case .killed: return .nothing
        }
    }

    /// Time has passed.
    package mutating func ticked(at now: Int) -> Order {
        switch state {
        case .running where now >= validUntil - notice:
            state = .ending(end: validUntil + Self.graceMilliseconds)
            return .askToEnd
        case .ending(let end) where now >= end:
            state = .killed
            return .kill
        case .running, .ending, .killed: return .nothing
        }
    }
}
