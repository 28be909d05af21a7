import Core

/// The bucket of a connection for what costs no token of its messages' one: pings, acks of the inbox, bad frames. A
/// value of its connection; times are loop milliseconds.
struct Upkeep {
    private var rate = RateLimiter()
    /// The payload of the newest ping that found no token, at most 125 bytes: answered when the input at hand was
    /// taken.
    var latePing: [UInt8]?

    /// Whether it differs from a new one. Loop milliseconds.
    func isInUse(at now: Int) -> Bool { latePing != nil || rate.isInUse(at: now * 1_000_000) }

    /// Takes a token.
    mutating func take(at now: Int, policy: RatePolicy) -> RateLimiter.Decision {
        rate.take(now: now * 1_000_000, policy: policy)
    }

    /// Whether a ping of the protocol is answered at once; if not, it takes the place of an earlier one that waits.
    mutating func answersNow(_ payload: UnsafeRawBufferPointer, at now: Int, policy: RatePolicy) -> Bool {
        if take(at: now, policy: policy) == .allowed { return true }
        latePing = Array(payload)
        return false
    }
}
