/// Whether the store that a cluster shares serves this node: connecting → online → suspect → degraded → resyncing →
/// online. A node in single mode has none of this.
///
/// Health is a write, a read of what was written, and one's own publication heard: a store that answers and can't be
/// written to is away. All three are one *probe*, which the driver sends under the number that it gets from here: each
/// second while the store serves, and on the way back until one has come through. A state machine. Times are
/// milliseconds of one monotonic clock and never go back. The driver calls `ticked` every 100–250 ms and replays what
/// was kept for later on `resync`.
package struct StoreHealth: Sendable {
    /// A reply that is due for longer makes the store suspect: a probe each second, and half a second for its answer.
    package static let suspectMilliseconds = 1_500
    /// A reply that is due for longer makes the node go on without the store; publications that do not come for so
    /// long make it subscribe anew.
    package static let degradedMilliseconds = 2_500
    /// Between probes while the store serves.
    package static let probeMilliseconds = 1_000
    /// Between probes of one attempt to come back, while publications do not come: who subscribes anew hears none of
    /// what was published before.
    private static let repeatMilliseconds = 250
    /// Ticks that are further apart say that this process stood still: what came meanwhile is read before the next one.
    private static let stallMilliseconds = 1_000

    package enum State: String, Sendable {
        case connecting, online, suspect, degraded, resyncing
    }

    package enum ConnectedResult: Equatable, Sendable {
        /// Send the probe of this number.
        case probe(Int)
        /// `ticked` says when to probe.
        case waits
    }

    /// Where a probe leads.
    package enum ProbedResult: Equatable, Sendable {
        /// The store serves, for the first time, or it was never lost.
        case online
        /// It serves again: replay what was kept for later, then report `resynced`.
        case resync
        case unchanged
    }

    package enum FailedResult: Equatable, Sendable {
        /// Go on without the store; `ticked` says when to probe.
        case degraded(Reason)
        /// It was so already: the attempt to come back has failed.
        case stillDegraded
    }

    package enum TickedResult: Equatable, Sendable {
        case unchanged
        case suspect
        case degraded(Reason)
        /// Send the probe of this number; without a connection, try to get one, and report `connected` or `failed`.
        case probe(Int)
        /// Get another connection for subscriptions.
        case renewSubscription
    }

    package enum ResyncedResult: Equatable, Sendable {
        case online
        /// The store has gone again meanwhile.
        case unchanged
    }

    package private(set) var state = State.connecting
    /// Why it is degraded; nil while it is not.
    package private(set) var reason: Reason?
    /// When the state was entered.
    package private(set) var since: Int

    private var backoff = Backoff()
    private var tickedAt: Int
    /// Of attempts to come back; nil while the store serves.
    private var attempt: Attempt?
    /// The last probe: its number, and when it was sent.
    private var number = 0
    private var sentAt = 0
    /// The newest probes that were answered, and that were heard.
    private var written = 0
    private var heard = 0
    /// Since when probes are written, and none is heard.
    private var unheardSince: Int?
    private var isRenewed = false
    /// Since when publications of probes could be heard; nil while they can't.
    private var subscribedAt: Int?
    /// Redis does not let us subscribe.
    private var subscriptionRefusal: StoreRefusal?

    private enum Attempt {
        case due(at: Int)
        /// Its first probe is `first`.
        case running(since: Int, first: Int)
    }

    /// Begins with a first attempt to connect, which is the driver's.
    package init(at now: Int) {
        since = now
        tickedAt = now
        attempt = .running(since: now, first: 1)
    }

    // MARK: Connections

    /// A connection is ready for commands.
    package mutating func connected(at now: Int) -> ConnectedResult {
        switch (attempt, reason) {
        // Its refusal was an answer: only time makes another.
        case (nil, _), (.due, .refused), (.due, .unheard): return .waits
        case (.due, _):
            attempt = .running(since: now, first: number + 1)
            return .probe(nextProbe(at: now))
        case (.running, _): return .probe(nextProbe(at: now))
        }
    }

    /// Connecting failed, or a connection ended.
    /// - Parameter random: any number, for the wait before the next probe.
    package mutating func failed(_ reason: Reason, at now: Int, random: UInt64) -> FailedResult {
        let wasDegraded = state == .degraded
        degrade(reason, at: now, random: random)
        return wasDegraded ? .stillDegraded : .degraded(reason)
    }

    /// The store answered that it can't serve.
    /// - Parameter random: as of `failed`.
    package mutating func refused(_ refusal: StoreRefusal, at now: Int, random: UInt64) -> FailedResult {
        failed(.refused(refusal), at: now, random: random)
    }

    /// Publications of probes are heard from now on.
    package mutating func subscribed(at now: Int) {
        subscriptionRefusal = nil
        subscribedAt = now
    }

    /// Publications are not heard any more, until `subscribed`: that may take long, as the channel is the last of many.
    /// Its connection has times of its own.
    package mutating func interrupted() { subscribedAt = nil }

    /// The store does not let us hear publications of probes.
    package mutating func subscriptionRefused(_ refusal: StoreRefusal) { subscriptionRefusal = refusal }

    // MARK: Probes

    /// A probe was answered: it was written, and read.
    package mutating func probeAnswered(_ answered: Int, at now: Int) -> ProbedResult {
        written = max(written, answered)
        if attempt == nil, heard < written, unheardSince == nil { unheardSince = now }
        return passed(at: now)
    }

    /// The publication of a probe came.
    package mutating func probeHeard(_ other: Int, at now: Int) -> ProbedResult {
        guard other <= number else { return .unchanged }
        heard = max(heard, other)
        unheardSince = heard < written ? now : nil
        isRenewed = false
        return passed(at: now)
    }

    private mutating func passed(at now: Int) -> ProbedResult {
        guard case .running(_, let first)? = attempt, min(written, heard) >= first else { return .unchanged }
        let wasDegraded = state == .degraded
        enter(wasDegraded ? .resyncing : .online, at: now)
        return wasDegraded ? .resync : .online
    }

    private mutating func nextProbe(at now: Int) -> Int {
        number += 1
        sentAt = now
        return number
    }

    // MARK: Time

    /// Time has passed.
    /// - Parameters:
    ///   - oldestOutstanding: for how long the oldest reply has been due, in milliseconds; nil when none is.
    ///   - random: as of `failed`.
    package mutating func ticked(oldestOutstanding: Int?, at now: Int, random: UInt64) -> TickedResult {
        defer { tickedAt = now }
        guard now - tickedAt <= Self.stallMilliseconds else { return .unchanged }
        switch attempt {
        case nil: return servingTicked(oldestOutstanding ?? 0, at: now, random: random)
        case .due(let time)?:
            guard now >= time else { return .unchanged }
            attempt = .running(since: now, first: number + 1)
            return .probe(nextProbe(at: now))
        case .running(let start, let first)?:
            let isUnheard = written >= first && heard < first
            if isUnheard, subscriptionRefusal == nil { return unheardTicked(since: start, at: now, random: random) }
            guard now - start > Self.degradedMilliseconds else { return .unchanged }
            return attemptFailed(isUnheard, at: now, random: random)
        }
    }

    /// The store is written to, and publications have not come: another probe, once they can be heard.
    private mutating func unheardTicked(since start: Int, at now: Int, random: UInt64) -> TickedResult {
        if state == .connecting, now - start > Self.degradedMilliseconds {
            return attemptFailed(true, at: now, random: random)
        }
        guard let subscribedAt else {
            if now - start > Self.degradedMilliseconds { reason = .unheard }
            return .unchanged
        }
        if now - max(start, subscribedAt) > Self.degradedMilliseconds {
            return attemptFailed(true, at: now, random: random)
        }
        guard written == number, now - sentAt >= Self.repeatMilliseconds || sentAt < subscribedAt else {
            return .unchanged
        }
        return .probe(nextProbe(at: now))
    }

    private mutating func servingTicked(_ wait: Int, at now: Int, random: UInt64) -> TickedResult {
        if wait > Self.degradedMilliseconds {
            degrade(.noAnswer, at: now, random: random)
            return .degraded(.noAnswer)
        }
        if let start = unheardSince, now - start > Self.degradedMilliseconds {
            guard isRenewed else {
                isRenewed = true
                unheardSince = now
                // It comes back by itself.
                return subscribedAt == nil ? .unchanged : .renewSubscription
            }
            let reason = unheardReason
            degrade(reason, at: now, random: random)
            return .degraded(reason)
        }
        if wait > Self.suspectMilliseconds, state == .online {
            enter(.suspect, at: now)
            return .suspect
        }
        guard written == number, now - sentAt >= Self.probeMilliseconds else { return .unchanged }
        return .probe(nextProbe(at: now))
    }

    private mutating func attemptFailed(_ isUnheard: Bool, at now: Int, random: UInt64) -> TickedResult {
        let wasDegraded = state == .degraded
        let reason = isUnheard ? unheardReason : .noAnswer
        degrade(reason, at: now, random: random)
        if !wasDegraded { return .degraded(reason) }
        return isUnheard ? .renewSubscription : .unchanged
    }

    private var unheardReason: Reason { subscriptionRefusal.map { .refused($0) } ?? .unheard }

    /// A suspect store has no reply due for longer than it may be.
    package mutating func answered(at now: Int) -> ProbedResult {
        guard state == .suspect else { return .unchanged }
        enter(.online, at: now)
        return .online
    }

    /// The store has all that was kept for later.
    package mutating func resynced(at now: Int) -> ResyncedResult {
        guard state == .resyncing else { return .unchanged }
        backoff.succeeded()
        enter(.online, at: now)
        return .online
    }

    // MARK: States

    /// Only a resync that came to its end makes the waits short again: one that fails each time must not be a loop.
    private mutating func degrade(_ reason: Reason, at now: Int, random: UInt64) {
        if state != .degraded { enter(.degraded, at: now) }
        self.reason = reason
        // An attempt that waits for its time is not put off by what else fails.
        if case .due? = attempt { return }
        attempt = .due(at: now + backoff.failed(random: random))
    }

    private mutating func enter(_ next: State, at now: Int) {
        // A suspect store has not been left.
        if state != .suspect, next != .suspect {
            unheardSince = nil
            isRenewed = false
        }
        state = next
        since = now
        reason = nil
        attempt = nil
    }
}
