/// What a node thinks of the store that its cluster shares: connecting → online → suspect → degraded → resyncing →
/// online. A node in single mode has none of this.
///
/// A state machine. Times are milliseconds of one monotonic clock and never go back. A driver sends a PING each second
/// while it is connected, calls `ticked` every 100–250 ms, connects anew (or asks for a sign of life on the connection
/// that it has) when told to probe, and replays what was kept for later when told to resync.
package struct StoreHealth: Sendable {
    /// A reply that is due for longer makes the store suspect: a PING each second, and half a second for its answer.
    package static let suspectMilliseconds = 1_500
    /// A reply that is due for longer makes the node go on without the store.
    package static let degradedMilliseconds = 2_500

    package enum State: String, Sendable {
        case connecting, online, suspect, degraded, resyncing
    }

    /// Why the node goes on without the store.
    package enum Reason: Equatable, Sendable {
        /// Nobody listens, or the way there is broken.
        case refused
        /// The connection ended.
        case closed
        /// A reply, or the first connection, took too long.
        case silent
        /// An error reply that says that the store can't serve: LOADING, READONLY, MISCONF or OOM.
        case unable(code: String)
    }

    package enum ConnectedResult: Equatable, Sendable {
        /// The first connection: serve.
        case online
        /// Replay what was kept for later, then report `resynced`.
        case resync
        /// No change: it was connected already.
        case unchanged
    }

    package enum AnsweredResult: Equatable, Sendable {
        case online
        case resync
        case unchanged
    }

    package enum FailedResult: Equatable, Sendable {
        /// Go on without the store; `ticked` says when to probe.
        case degraded(Reason)
        /// It was so already: the probe has failed.
        case stillDegraded
    }

    package enum RefusedResult: Equatable, Sendable {
        case degraded(Reason)
        case stillDegraded
        /// An error that says nothing about the store.
        case unchanged
    }

    package enum TickedResult: Equatable, Sendable {
        case unchanged
        case suspect
        case degraded(Reason)
        /// Try to reach it, and report `connected`, `answered`, `failed` or `refused`.
        case probe
    }

    package enum ResyncedResult: Equatable, Sendable {
        case online
        /// The store has gone again meanwhile.
        case unchanged
    }

    /// Error replies after which nothing can be written.
    private static let fatalCodes: Set<String> = ["LOADING", "READONLY", "MISCONF", "OOM"]

    package private(set) var state = State.connecting
    /// Why it is degraded; nil while it is not.
    package private(set) var reason: Reason?
    /// When the state was entered.
    package private(set) var since: Int

    private var backoff = Backoff()
    private var probe = Probe.none

    private enum Probe {
        case none
        case due(at: Int)
        case running(since: Int)
    }

    /// Begins with a first attempt to connect, which is the driver's.
    package init(at now: Int) {
        since = now
    }

    /// A connection is ready for commands.
    package mutating func connected(at now: Int) -> ConnectedResult {
        switch state {
        case .connecting:
            enter(.online, at: now)
            return .online
        case .degraded:
            enter(.resyncing, at: now)
            return .resync
        case .online, .suspect, .resyncing: return .unchanged
        }
    }

    /// A reply came, and it was no error; of a suspect store: no reply is due for longer than it may be.
    package mutating func answered(at now: Int) -> AnsweredResult {
        switch state {
        case .suspect:
            enter(.online, at: now)
            return .online
        case .degraded:
            enter(.resyncing, at: now)
            return .resync
        case .connecting, .online, .resyncing: return .unchanged
        }
    }

    /// Connecting failed, or a connection ended.
    /// - Parameter random: any number, for the wait before the next probe.
    package mutating func failed(_ reason: Reason, at now: Int, random: UInt64) -> FailedResult {
        let wasDegraded = state == .degraded
        degrade(reason, at: now, random: random)
        return wasDegraded ? .stillDegraded : .degraded(reason)
    }

    /// An error reply came.
    /// - Parameters:
    ///   - code: its first word.
    ///   - random: as of `failed`.
    package mutating func refused(code: String, at now: Int, random: UInt64) -> RefusedResult {
        guard Self.fatalCodes.contains(code) else { return .unchanged }
        switch failed(.unable(code: code), at: now, random: random) {
        case .degraded(let reason): return .degraded(reason)
        case .stillDegraded: return .stillDegraded
        }
    }

    /// Time has passed.
    /// - Parameters:
    ///   - oldestOutstanding: for how long the oldest reply has been due, in milliseconds; nil when none is.
    ///   - random: as of `failed`.
    package mutating func ticked(oldestOutstanding: Int?, at now: Int, random: UInt64) -> TickedResult {
        switch state {
        case .connecting:
            guard now - since > Self.degradedMilliseconds else { return .unchanged }
            degrade(.silent, at: now, random: random)
            return .degraded(.silent)
        case .online, .suspect, .resyncing:
            let wait = oldestOutstanding ?? 0
            if wait > Self.degradedMilliseconds {
                degrade(.silent, at: now, random: random)
                return .degraded(.silent)
            }
            guard wait > Self.suspectMilliseconds, state == .online else { return .unchanged }
            enter(.suspect, at: now)
            return .suspect
        case .degraded: return probeTicked(at: now, random: random)
        }
    }

    /// What was kept for later is with the store.
    package mutating func resynced(at now: Int) -> ResyncedResult {
        guard state == .resyncing else { return .unchanged }
        backoff.succeeded()
        enter(.online, at: now)
        return .online
    }

    private mutating func probeTicked(at now: Int, random: UInt64) -> TickedResult {
        switch probe {
        case .due(let time) where now >= time:
            probe = .running(since: now)
            return .probe
        case .running(let start) where now - start > Self.degradedMilliseconds:
            degrade(.silent, at: now, random: random)
            return .unchanged
        case .none, .due, .running: return .unchanged
        }
    }

    /// Only a resync that came to its end makes the waits short again: one that fails each time must not be a loop.
    private mutating func degrade(_ reason: Reason, at now: Int, random: UInt64) {
        if state != .degraded { enter(.degraded, at: now) }
        self.reason = reason
        // A probe that waits for its time is not put off by what else fails.
        if case .due = probe { return }
        probe = .due(at: now + backoff.failed(random: random))
    }

    private mutating func enter(_ next: State, at now: Int) {
        state = next
        since = now
        reason = nil
        probe = .none
    }
}
