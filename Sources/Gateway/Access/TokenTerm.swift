import Tokens

/// The time that a connection's token gives it: when its client is reminded to send a fresh one, and when it ends.
///
/// A value. All times are Unix milliseconds: should the wall clock step, the term moves with it.
struct TokenTerm: Equatable {
    /// The thing to do when the time has come.
    enum Turn {
        case nothing
        case remind
        case end
    }

    /// So long before the end the client is reminded; of a shorter term when half of it is over, so that a client that
    /// answers each reminder with a token of seconds does not do so without a pause.
    static let reminderMilliseconds = 30_000

    let expiresAt: Int
    /// When the connection ends: at the token's end, or if it came in the leeway behind that, with the leeway.
    private let endsAt: Int
    /// nil: done.
    private var remindsAt: Int?

    /// - Parameter now: when the token came; less than the leeway behind its end.
    init(expiresAt: Int, at now: Int) {
        self.expiresAt = expiresAt
        endsAt = now < expiresAt ? expiresAt : expiresAt + TokenVerifier.leewayMilliseconds
        remindsAt = expiresAt - min(Self.reminderMilliseconds, max(0, expiresAt - now) / 2)
    }

    /// When `turn` has something to do next.
    var due: Int { min(remindsAt ?? endsAt, endsAt) }

    /// - Parameter mayRemind: whether a frame may be sent already.
    mutating func turn(at now: Int, mayRemind: Bool) -> Turn {
        if now >= endsAt { return .end }
        guard mayRemind, let remindsAt, now >= remindsAt else { return .nothing }
        self.remindsAt = nil
        return .remind
    }
}
