/// One owner's way to a lock and with it: asking → waiting → held → ended.
///
/// A state machine. Times are milliseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps. What its results
/// ask for, the driver sends at once; at most one request is under way, and each ends in `askAnswered`, `renewAnswered`
/// or `unanswered`.
package struct Lock: Sendable {
    /// A lock that is held, as far as this side can know.
    package struct Lease: Equatable, Sendable {
        /// Goes with each guarded act: who gets it refuses lower ones than it has seen.
        package let token: Int
        /// The store's data in which it is recorded.
        package var generation: Int
        /// From this time on it does not count: the ttl, counted from when the last good request was sent, less the
        /// margin.
        package fileprivate(set) var validUntil: Int
        fileprivate var renewAt: Int
    }

    private enum State {
        case waiting(askAt: Int)
        case held(Lease)
        case ended
    }

    package enum TickResult: Equatable, Sendable {
        case nothing
        /// Send the script `acquire`.
        case ask
        /// Send the script `renew` with this lease's generation.
        case renew(Lease)
        /// Notify the holder; then release, as nobody knows what the store has.
        case lost(LockLoss)
    }

    package enum AskResult: Equatable, Sendable {
        case granted(Lease)
        case waiting
        /// As `waiting`, for all: `span` milliseconds from now.
        case quarantined(span: Int)
        case full
        case evicting(policy: String)
    }

    package enum RenewResult: Equatable, Sendable {
        case nothing
        /// The lease was recorded in new data.
        case reclaimed(Lease)
        /// Send the script `reclaim` with this lease's token.
        case reclaim(Lease)
        case lost(LockLoss)
    }

    private struct Request {
        let sentAt: Int
        var isReclaim = false
    }

    private let ttl: Int
    private var state: State
    private var request: Request?
    private var wasWoken = false

    /// Begins with asking: at the next tick.
    /// - Parameter ttl: within `LockLimits.ttlMilliseconds`.
    package init(ttl: Int, at now: Int) {
        precondition(LockLimits.ttlMilliseconds.contains(ttl), "a ttl out of its range")
        self.ttl = ttl
        state = .waiting(askAt: now)
    }

    /// The lease, while it counts.
    package func lease(at now: Int) -> Lease? {
        guard case .held(let lease) = state, now < lease.validUntil else { return nil }
        return lease
    }

    /// Whether it was granted and its end was not noticed yet.
    package var isHeld: Bool {
        if case .held = state { true } else { false }
    }

    /// Time has passed.
    /// - Parameter mayRenew: whether what the lock protects is alive; when not, the lease runs out.
    package mutating func ticked(mayRenew: Bool, at now: Int) -> TickResult {
        switch state {
        case .waiting(let askAt):
            guard request == nil, now >= askAt else { return .nothing }
            request = Request(sentAt: now)
            wasWoken = false
            return .ask
        case .held(let lease):
            if now >= lease.validUntil { return .lost(end(.expired)) }
            guard mayRenew, request == nil, now >= lease.renewAt else { return .nothing }
            request = Request(sentAt: now)
            return .renew(lease)
        case .ended: return .nothing
        }
    }

    /// The store says that it may be this one's turn: ask at the next tick.
    package mutating func woken(at now: Int) {
        guard case .waiting = state else { return }
        wasWoken = true
        state = .waiting(askAt: now)
    }

    /// The store can be reached again, and may have other data: renew at the next tick.
    package mutating func storeReturned(at now: Int) {
        guard case .held(var lease) = state else { return }
        lease.renewAt = now
        state = .held(lease)
    }

    /// The script `acquire` was answered.
    package mutating func askAnswered(_ answer: LockAnswer, at now: Int) -> AskResult {
        guard case .waiting = state, let sent = received()?.sentAt else { return .waiting }
        switch answer {
        case .granted(let token, let generation):
            // An answer that took so long is worth nothing; asked again, the store grants the same anew.
            guard now < sent + ttl - LockLimits.marginMilliseconds else {
                state = .waiting(askAt: now)
                return .waiting
            }
            var lease = Lease(token: token, generation: generation, validUntil: 0, renewAt: 0)
            hold(&lease, since: sent)
            return .granted(lease)
        case .waiting(let span, let isFirst):
            wait(span, isFirst, at: now)
            return .waiting
        case .quarantine(let span, let isFirst):
            wait(span, isFirst, at: now)
            return .quarantined(span: span)
        case .full:
            state = .ended
            return .full
        case .evicting(let policy):
            state = .ended
            return .evicting(policy: policy)
        case .renewed, .changed, .lost:
            state = .waiting(askAt: now + LockLimits.pollMilliseconds)
            return .waiting
        }
    }

    /// The script `renew` or `reclaim` was answered.
    package mutating func renewAnswered(_ answer: LockAnswer, at now: Int) -> RenewResult {
        guard case .held(var lease) = state, let request = received() else { return .nothing }
        // Whoever checked meanwhile saw that it is over; that stands.
        if now >= lease.validUntil { return .lost(end(.expired)) }
        switch answer {
        case .renewed:
            hold(&lease, since: request.sentAt)
            return .nothing
        case .granted(lease.token, let generation):
            lease.generation = generation
            hold(&lease, since: request.sentAt)
            return .reclaimed(lease)
        case .changed:
            self.request = Request(sentAt: now, isReclaim: true)
            return .reclaim(lease)
        case .lost: return .lost(end(request.isReclaim ? .generationChanged : .notOwner))
        case .granted, .waiting, .quarantine, .full, .evicting: return .nothing
        }
    }

    /// The request under way came to nothing; try again soon.
    package mutating func unanswered(at now: Int) {
        request = nil
        let next = now + LockLimits.retryMilliseconds
        switch state {
        case .waiting: state = .waiting(askAt: next)
        case .held(var lease):
            lease.renewAt = next
            state = .held(lease)
        case .ended: break
        }
    }

    /// The owner has no use for it any more.
    package mutating func released() {
        state = .ended
    }

    private mutating func received() -> Request? {
        defer { request = nil }
        return request
    }

    private mutating func hold(_ lease: inout Lease, since sent: Int) {
        lease.validUntil = sent + ttl - LockLimits.marginMilliseconds
        lease.renewAt = sent + ttl / 3
        state = .held(lease)
    }

    private mutating func end(_ loss: LockLoss) -> LockLoss {
        state = .ended
        return loss
    }

    private mutating func wait(_ span: Int, _ isFirst: Bool, at now: Int) {
        let poll = isFirst ? min(span + 1, LockLimits.pollMilliseconds) : LockLimits.pollMilliseconds
        state = .waiting(askAt: wasWoken ? now : now + poll)
    }
}
