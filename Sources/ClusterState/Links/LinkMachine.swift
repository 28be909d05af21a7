/// One outbound connection of the node that owns it: when it is dialled, when it is silent for too long, and how long
/// it waits after it has ended.
///
/// A state machine: times are milliseconds of a monotonic clock, random numbers come in. Its driver dials, sends and
/// closes as it says, and calls `ticked` once a second.
package struct LinkMachine: Equatable, Sendable {
    /// How a link stands, as the API names it.
    package enum State: String, CaseIterable, Sendable {
        case idle, connecting, connected, cooldown
    }

    package enum Action: Equatable, Sendable {
        case dial
        case ping
        /// The connection, or the attempt, must end at once: nothing came for too long.
        case abandon
    }

    /// How a connection, or an attempt, ended.
    package enum End: Equatable, Sendable {
        /// No connection came about: refused, unreachable, a bad answer to the handshake.
        case failed
        /// With the close code; 1006 when there was none.
        case closed(code: UInt16)
    }

    /// The longest wait after the first failure.
    package static let backoffFirstMilliseconds = 1_000
    /// The longest wait of all.
    package static let backoffLastMilliseconds = 60_000
    /// An attempt may take so long.
    package static let dialMilliseconds = 10_000
    /// A connection that lived for so long was none of a row of failures.
    package static let stableMilliseconds = 30_000
    /// So many heartbeats without a sign of life, and the remote server counts as gone.
    package static let silentHeartbeats = 3

    /// A remote server is obeyed that asks for a pause of up to so long.
    package static let retryMillisecondsMax = 600_000

    private enum Phase: Equatable, Sendable {
        case waiting(until: Int)
        case dialling(since: Int)
        case connected(Connected)
    }

    private struct Connected: Equatable, Sendable {
        let since: Int
        var heardAt: Int
        var pingedAt: Int
    }

    private var phase: Phase
    private var backoff = Backoff(first: Self.backoffFirstMilliseconds, last: Self.backoffLastMilliseconds)
    private let heartbeat: Int
    /// How often it was connected again after it had been.
    package private(set) var reconnects = 0
    private var hasConnected: Bool

    /// The node owns the link from now on.
    /// - Parameters:
    ///   - wait: how long it is not dialled: the cooldown after a take-over, else 0; milliseconds.
    ///   - heartbeatSeconds: between two pings.
    ///   - record: how it stood under its former owner.
    package init(wait: Int, heartbeatSeconds: Int, record: LinkRecord = LinkRecord(), at now: Int) {
        (hasConnected, reconnects) = (record.hasConnected, record.reconnects)
        phase = .waiting(until: now + wait)
        heartbeat = heartbeatSeconds * 1_000
    }

    package var state: State {
        switch phase {
        case .waiting: .cooldown
        case .dialling: .connecting
        case .connected: .connected
        }
    }

    package var isConnected: Bool { state == .connected }

    /// When the remote server last gave a sign of life; nil while there is no connection.
    package var lastHeardAt: Int? {
        if case .connected(let connected) = phase { connected.heardAt } else { nil }
    }

    /// Time has passed.
    package mutating func ticked(at now: Int) -> Action? {
        switch phase {
        case .waiting(let end):
            guard now >= end else { return nil }
            phase = .dialling(since: now)
            return .dial
        case .dialling(let since):
            return now - since > Self.dialMilliseconds ? .abandon : nil
        case .connected(var connected):
            if now - connected.heardAt > Self.silentHeartbeats * heartbeat { return .abandon }
            guard now - max(connected.pingedAt, connected.heardAt) >= heartbeat else { return nil }
            connected.pingedAt = now
            phase = .connected(connected)
            return .ping
        }
    }

    /// The handshake is through.
    package mutating func opened(at now: Int) {
        guard case .dialling = phase else { return }
        phase = .connected(Connected(since: now, heardAt: now, pingedAt: now))
        if hasConnected { reconnects += 1 }
        hasConnected = true
    }

    /// Something came from the remote server.
    package mutating func heard(at now: Int) {
        guard case .connected(var connected) = phase else { return }
        connected.heardAt = now
        phase = .connected(connected)
    }

    /// The connection, or the attempt, has ended.
    /// - Parameters:
    ///   - retryMilliseconds: after how long the remote server asks to come back, if it does.
    ///   - random: any number; all are equally likely.
    package mutating func ended(_ end: End, retryMilliseconds: Int? = nil, at now: Int, random: UInt64) {
        let retryMilliseconds = retryMilliseconds.map { min(max($0, 0), Self.retryMillisecondsMax) }
        if case .connected(let connected) = phase, now - connected.since >= Self.stableMilliseconds {
            backoff.succeeded()
        }
        let wait =
            switch end {
            // It does not want this client; asking often makes it worse.
            case .closed(1008), .closed(4000...4999):
                Self.backoffLastMilliseconds / 2 + Int(random % UInt64(Self.backoffLastMilliseconds / 2 + 1))
            case .closed(let code) where asksForPause(code):
                max(retryMilliseconds ?? 0, backoff.failed(random: random))
            case .closed, .failed: backoff.failed(random: random)
            }
        phase = .waiting(until: now + wait)
    }

    /// It restarts, or has too much to do (RFC 6455 §7.4.1 and its registry).
    private func asksForPause(_ code: UInt16) -> Bool { code == 1012 || code == 1013 }
}
