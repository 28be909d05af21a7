/// How far apart a worker's rounds of reading and writing are, by how much it has to do: none while it keeps up, longer
/// when it does not.
///
/// A system call costs the same whatever its size, and in a round each connection is read once and written to once:
/// with windows of 40 ms a worker carries several times the messages that it can carry one by one, at the price of
/// those milliseconds. So it is what is done before anything is shed. A window is kept for as long as the load is that
/// made it necessary; while the worker has time left it is tried shorter, after each try that failed less soon.
package struct AdaptiveBatching: Sendable {
    /// The windows that there are, in milliseconds.
    package static let steps = [0, 5, 10, 20, 40, 80, 120]
    /// A load below this share of the one that made a window necessary does not need it any more.
    private static let easedShare = 0.7
    /// How long a lower load is seen before the window becomes shorter.
    private static let easedMillisecondsMin = 300
    private static let firstHoldMilliseconds = 500
    /// A worker with less to do may do with a shorter window: that makes at most twice the writes.
    private static let busyShareMax = 0.75
    private static let lastHoldMilliseconds = 120_000

    private var level = 0
    /// The load at which each level was entered, requests per second.
    private var loads = Array(repeating: 0.0, count: steps.count)
    private var calmMilliseconds = 0
    private var easedMilliseconds = 0
    private var hold = firstHoldMilliseconds
    /// Milliseconds since a shorter window was tried; nil: it was not, or the try has succeeded.
    private var sinceTry: Int?

    package init() {}

    package var milliseconds: Int { Self.steps[level] }
    package var isLongest: Bool { level == Self.steps.count - 1 }

    /// Arrivals wait for too long.
    /// - Parameters:
    ///   - excess: how many times longer than it should.
    ///   - load: requests per second.
    package mutating func delayed(excess: Double, load: Double) {
        if sinceTry != nil { hold = min(hold * 2, Self.lastHoldMilliseconds) }
        (sinceTry, calmMilliseconds, easedMilliseconds) = (nil, 0, 0)
        let rise = excess > 8 ? 2 : 1
        let last = min(Self.steps.count - 1, level + rise)
        while level < last {
            level += 1
            loads[level] = load
        }
    }

    /// Nothing waits, and nothing is shed.
    /// - Parameters:
    ///   - load: requests per second.
    ///   - busy: the share of the time in which the worker has something to do, 0 … 1.
    package mutating func calm(milliseconds elapsed: Int, load: Double, busy: Double) {
        if let tried = sinceTry {
            // A try has succeeded when nothing came of it for as long as the next one would have waited.
            sinceTry = tried + elapsed > max(hold, Self.lastHoldMilliseconds / 4) ? nil : tried + elapsed
            if sinceTry == nil { hold = Self.firstHoldMilliseconds }
        }
        guard level > 0 else { return }
        calmMilliseconds = busy < Self.busyShareMax ? calmMilliseconds + elapsed : 0
        easedMilliseconds = load < loads[level] * Self.easedShare ? easedMilliseconds + elapsed : 0
        if easedMilliseconds >= Self.easedMillisecondsMin {
            shorten()
        } else if calmMilliseconds >= hold {
            shorten()
            sinceTry = 0
        }
    }

    private mutating func shorten() {
        level -= 1
        (calmMilliseconds, easedMilliseconds) = (0, 0)
    }
}
