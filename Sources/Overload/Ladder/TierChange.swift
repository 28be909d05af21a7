/// A step from one tier to another, as it is kept, logged, and sent to workers and clients.
package struct TierChange: Sendable, Equatable {
    package let from: Tier
    package let to: Tier
    /// The name of the signal that gave it, or "pinned".
    package let reason: String
    /// The probable cause of that; nil when there was none to name.
    package let cause: Cause?
    /// Unix milliseconds.
    package let at: Int

    package init(from: Tier, to: Tier, reason: String, cause: Cause? = nil, at: Int) {
        self.from = from
        self.to = to
        self.reason = reason
        self.cause = cause
        self.at = at
    }
}
