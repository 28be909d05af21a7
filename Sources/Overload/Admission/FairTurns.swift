import Core

/// The heaviest source bears an overload first: who works a worker, and who is limited for it. A value.
package struct FairTurns: Sendable {
    package private(set) var ledger = SourceLedger()
    private var limits = SourceLimits()
    /// The source that was limited last, until the next one is.
    package private(set) var heaviest: SourceLedger.Load?
    /// A source was limited that was not before; see `takeNews`.
    private var isNews = false

    package init() {}

    /// Somebody is limited at present. A property of its own, as every request asks.
    package private(set) var isLimiting = false

    /// The part of `heaviest` that is admitted, 0 … 1; 1: it is not limited any more.
    package var heaviestAdmitted: Double {
        limits.limits.first { $0.load.source == heaviest?.source }.map { Double($0.admitted) } ?? 1
    }

    /// The source that has become limited since the last call, if there is one.
    package mutating func takeNews() -> SourceLedger.Load? {
        defer { isNews = false }
        return isNews ? heaviest : nil
    }

    /// Nobody's work is looked at until it matters again.
    package mutating func forgetWork() { ledger = SourceLedger() }

    /// See `SourceLedger.worked`.
    @inline(__always)
    package mutating func worked(
        _ nanoseconds: Int, by key: SourceLedger.Key,
        _ facts: @autoclosure () -> (user: Identifier?, address: IPAddress?)
    ) { ledger.worked(nanoseconds, by: key, facts()) }

    /// Time has passed.
    package mutating func passed(milliseconds: Int) { ledger.passed(milliseconds: milliseconds) }

    /// Whether one more request is refused, because its source is limited.
    /// - Returns: milliseconds after which it may come again: the less is admitted, the more; nil: it is admitted.
    package mutating func refuses(
        _ key: SourceLedger.Key, user: Identifier?, address: IPAddress?, using random: inout some RandomNumberGenerator
    ) -> Int? {
        guard isLimiting, let share = limits.refuses(key, user: user, address: address) else { return nil }
        let usual = Int(250 / share)
        return Int.random(in: usual / 2...usual * 3 / 2, using: &random)
    }

    /// There is more to do than can be done: takes from the heaviest source; false when nobody is over its fair share
    /// of whom there is something left to take.
    mutating func lowerHeaviest(by factor: Double) -> Bool {
        guard let found = ledger.heaviest(isExhausted: limits.isExhausted) else { return false }
        if limits.lower(found, by: factor) { isNews = true }
        isLimiting = !limits.isEmpty
        heaviest = found
        return true
    }

    /// There is time left.
    mutating func raise(by factor: Double, atLeast step: Double) {
        limits.raise(by: factor, atLeast: step)
        isLimiting = !limits.isEmpty
    }
}
