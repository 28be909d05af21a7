/// The lines of a node's log about its store, from looks at it: one for each change, however often attempts to come
/// back fail, and however many loops of the node have a way to the store of their own.
///
/// Pure; times are milliseconds of one monotonic clock.
package struct StoreNews: Sendable {
    package enum Line: Equatable, Sendable {
        /// It serves, for the first time.
        case reached
        case lost(StoreHealth.Reason)
        /// It is away still, and now for another reason.
        case changed(StoreHealth.Reason)
        case returned
    }

    private enum Logged {
        case nothing, here
        /// By the words of the reason: details may differ each time.
        case away(String)
    }

    /// Lines that may come at once: a store that is lost and comes back twice.
    static let linesMax = 4
    /// One more line may come after so long; a store that comes and goes fills no log.
    static let lineMilliseconds = 5_000

    private var logged = Logged.nothing
    private var lines = Self.linesMax
    private var refilledAt: Int

    package init(at now: Int) { refilledAt = now }

    /// How the store stands now.
    /// - Parameter reason: why it is degraded.
    /// - Returns: the line that is due; what has no place now comes later, if it is still so then.
    package mutating func looked(_ state: StoreHealth.State, _ reason: StoreHealth.Reason?, at now: Int) -> Line? {
        refill(at: now)
        guard lines > 0, let (next, line) = change(state, reason) else { return nil }
        lines -= 1
        logged = next
        return line
    }

    private func change(_ state: StoreHealth.State, _ reason: StoreHealth.Reason?) -> (Logged, Line)? {
        switch (logged, state, reason) {
        case (.nothing, .online, _): (.here, .reached)
        case (.away, .online, _): (.here, .returned)
        case (.away(let words), .degraded, let reason?):
            words == reason.words ? nil : (.away(reason.words), .changed(reason))
        case (_, .degraded, let reason?): (.away(reason.words), .lost(reason))
        default: nil
        }
    }

    private mutating func refill(at now: Int) {
        let count = (now - refilledAt) / Self.lineMilliseconds
        lines = min(lines + count, Self.linesMax)
        refilledAt += count * Self.lineMilliseconds
    }
}
