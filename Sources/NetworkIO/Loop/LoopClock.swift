import Core

/// The clocks of a loop, read once per turn, and how late its ticks are. A value: times come in as arguments.
@usableFromInline struct LoopClock {
    /// A tick that is late by so much makes a stall.
    private static let stallMilliseconds = 500
    /// After a stall others have so long to be heard.
    private static let hearingMilliseconds = 1_000

    /// The node's monotonic clock in milliseconds.
    @usableFromInline private(set) var now: Int
    /// Milliseconds since the Unix epoch: a stamp for people. Nothing is timed by it, as it may be set.
    @usableFromInline private(set) var unixNow: Int
    /// When this turn's input began to be taken, on `Clock.monotonicNanoseconds()`.
    @usableFromInline private(set) var turnNanoseconds = 0
    private var lastTick = 0
    /// The largest delay of a tick since `takeLag()`.
    private var lagMax = 0
    /// The last time that the thread stood still for long: when that was over, and how long it was.
    private var stallEnd = Int.min / 2
    private var stallLength = 0

    init(now: Int, unixNow: Int) { (self.now, self.unixNow) = (now, unixNow) }

    /// Both clocks, as of this turn.
    var moment: Moment { Moment(now: now, unix: unixNow) }

    /// `now`, but for a second after a stall the time before it.
    var fairNow: Int { now < stallEnd + Self.hearingMilliseconds ? now - stallLength : now }

    /// The loop begins to run: its first tick is a tick away.
    mutating func started(at now: Int) { lastTick = now }

    mutating func turnBegan(at now: Int, unix: Int, nanoseconds: Int) {
        (self.now, unixNow, turnNanoseconds) = (now, unix, nanoseconds)
    }

    /// A tick, `interval` after the last one as planned.
    /// - Returns: whether it was so late that the thread stood still.
    mutating func ticked(interval: Int) -> Bool {
        let lag = now - lastTick - interval
        lagMax = max(lagMax, lag)
        lastTick = now
        guard lag >= Self.stallMilliseconds else { return false }
        (stallEnd, stallLength) = (now, lag)
        return true
    }

    mutating func takeLag() -> Int {
        defer { lagMax = 0 }
        return lagMax
    }
}
