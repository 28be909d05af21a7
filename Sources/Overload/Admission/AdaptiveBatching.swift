/// How far apart a worker's rounds of reading and writing are, by how much it has to do: none while it keeps up, and
/// then as short as it can do with.
///
/// A system call costs the same whatever its size, and in a round each connection is read once and written to once:
/// in rounds of 40 ms a worker carries several times the messages that it can carry one by one, at the price of those
/// milliseconds. So it is what is done before anything is shed. Rounds become longer only when they are late while the
/// loop has hardly any time left, by as much as they are late. When it has time left, they become shorter by that part:
/// what a round costs is spent at most so many times more, and the rest of the work stays, so a shorter round never
/// asks for more than there is, and need not be tried. Doing without rounds is another matter: what that costs shows
/// only when it is tried, and it is tried less soon after each try that failed.
package struct AdaptiveBatching: Sendable {
    /// The shortest rounds that there are, and the longest ones, in milliseconds.
    package static let shortestMilliseconds = 5
    package static let longestMilliseconds = 80
    /// Rounds up to here are hardly felt, so they come before anybody is refused; longer ones are taken from all, and
    /// so come after the heaviest source.
    package static let fairMilliseconds = 10
    /// A loop that is busy for less of its time has time left: rounds don't grow, and become shorter.
    package static let busyShare = 0.9
    /// How busy a loop is meant to be in rounds.
    private static let busyTarget = 0.93
    /// How long a length is kept at least, and how many rounds, before it is judged by what it left.
    private static let judgedMilliseconds = 300
    private static let judgedRounds = 3
    /// A load below this share of the one that made rounds necessary does not need them any more.
    private static let easedShare = 0.7
    private static let firstHoldMilliseconds = 500
    /// A worker with less to do may do without rounds.
    private static let withoutRoundsBusyMax = 0.75
    private static let lastHoldMilliseconds = 120_000

    /// How far apart rounds are; 0: there are none.
    package private(set) var milliseconds = 0
    /// The load at which rounds began, requests per second.
    private var firstLoad = 0.0
    /// Since the length was judged last: how long that is, and for how much of it the loop was busy.
    private var judged = (milliseconds: 0, busy: 0.0)
    private var calmMilliseconds = 0
    private var easedMilliseconds = 0
    private var hold = firstHoldMilliseconds
    /// Milliseconds since it was tried without rounds; nil: it was not, or the try has succeeded.
    private var sinceTry: Int?

    package init() {}

    package var isLongest: Bool { milliseconds == Self.longestMilliseconds }

    /// Arrivals, or rounds, are late.
    /// - Parameters:
    ///   - excess: how many times more than they may be.
    ///   - load: requests per second.
    ///   - busy: the share of the time in which the loop had something to do, 0 … 1.
    package mutating func delayed(excess: Double, load: Double, busy: Double) {
        guard busy >= Self.busyShare else { return }
        forgetWhatWasSeen()
        guard milliseconds > 0 else {
            if sinceTry != nil { hold = min(hold * 2, Self.lastHoldMilliseconds) }
            sinceTry = nil
            firstLoad = load
            milliseconds = excess > 8 ? Self.fairMilliseconds : Self.shortestMilliseconds
            return
        }
        let factor = excess > 8 ? 4 : min(max(excess, 1.25), 2)
        let longer = Int((Double(milliseconds) * factor).rounded(.up))
        // Whether there is a heaviest source is seen before all others bear it.
        let most = milliseconds < Self.fairMilliseconds ? Self.fairMilliseconds : Self.longestMilliseconds
        milliseconds = min(longer, most)
    }

    /// Nothing waits, and nothing is shed.
    /// - Parameters:
    ///   - load: requests per second.
    ///   - busy: the share of the time in which the loop had something to do, 0 … 1.
    package mutating func calm(milliseconds elapsed: Int, load: Double, busy: Double) {
        if let tried = sinceTry {
            // A try has succeeded when nothing came of it for as long as the next one would have waited.
            sinceTry = tried + elapsed > max(hold, Self.lastHoldMilliseconds / 4) ? nil : tried + elapsed
            if sinceTry == nil { hold = Self.firstHoldMilliseconds }
        }
        if milliseconds > Self.shortestMilliseconds {
            judge(elapsed, busy)
        } else if milliseconds > 0 {
            endRounds(elapsed, load, busy)
        }
    }

    /// Rounds become as much shorter as the loop has time left.
    private mutating func judge(_ elapsed: Int, _ busy: Double) {
        judged.milliseconds += elapsed
        judged.busy += busy * Double(elapsed)
        guard judged.milliseconds >= max(Self.judgedMilliseconds, Self.judgedRounds * milliseconds) else { return }
        let share = judged.busy / Double(judged.milliseconds)
        judged = (0, 0)
        guard share < Self.busyShare else { return }
        let shorter = Int(Double(milliseconds) * share / Self.busyTarget)
        milliseconds = max(shorter, Self.shortestMilliseconds)
    }

    private mutating func endRounds(_ elapsed: Int, _ load: Double, _ busy: Double) {
        calmMilliseconds = busy < Self.withoutRoundsBusyMax ? calmMilliseconds + elapsed : 0
        easedMilliseconds = load < firstLoad * Self.easedShare ? easedMilliseconds + elapsed : 0
        if easedMilliseconds < Self.judgedMilliseconds {
            guard calmMilliseconds >= hold else { return }
            sinceTry = 0
        }
        milliseconds = 0
        forgetWhatWasSeen()
    }

    private mutating func forgetWhatWasSeen() {
        judged = (0, 0)
        (calmMilliseconds, easedMilliseconds) = (0, 0)
    }
}
