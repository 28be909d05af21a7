import NetworkIO

/// One connection's share of a turn of its loop: so many messages, or so much time. The rest of its input waits for the
/// next turn, behind the others that wait: a flood over one connection costs its loop no more than that while others
/// have something to do.
///
/// A value of the turn.
struct WorkShare {
    /// Messages per turn. In a turn that 128 connections fill, each of them waits for the others at most that long.
    static let messagesMax = 1024
    /// Time per turn: some hundred messages, or one request that is dear.
    static let nanosecondsMax = 1_000_000
    /// How often the clock is read, in messages that are cheap: it costs a twentieth of one.
    private static let messagesPerLook = 32
    /// Input of so many bytes may have taken long, whatever it was: thousands of frames without payload, or one message
    /// that is large.
    static let dearBytes = 4096

    private var messages = 0
    /// When it began; 0: with the first look.
    private var startedAt: Int
    /// Nothing further is taken in this turn.
    private(set) var isSpent = false

    /// - Parameter startedAt: when the work began, on `Clock.monotonicNanoseconds()`; 0: its time counts from the first
    ///   look on.
    init(startedAt: Int = 0) { self.startedAt = startedAt }

    /// A message was taken.
    /// - Parameters:
    ///   - isDear: whether it may have taken so long that the clock should be read at once.
    ///   - clock: the present time, on `Clock.monotonicNanoseconds()`.
    @inline(__always)
    mutating func took(isDear: Bool, clock: () -> Int = Clock.monotonicNanoseconds) {
        messages += 1
        if isDear || messages % Self.messagesPerLook == 0 { look(at: clock()) }
    }

    mutating func look(at now: Int) {
        if startedAt == 0 { startedAt = now }
        isSpent = messages >= Self.messagesMax || now - startedAt >= Self.nanosecondsMax
    }
}
