import Foundations

/// How this node follows a log that all nodes share, a room's or an inbox's: how far it has come, which of its own
/// messages have no place yet, and what it must ask the store for next.
///
/// The store is the truth. Whatever tells of an entry (the answer to an own commit, a publication, a range that was
/// read) comes to `entryHeard`, in any order and any number of times; the machine gives each entry out once, in order.
/// Pure: time, names and limits come in, effects are results. One method per event; its result says what the driver
/// must do. After a result that gives something out, the driver calls `advanced` until nothing is left, so that the
/// machine never claims more than its observer has. Thread: the home's.
package struct ReplicaLog: ~Copyable {
    /// What all logs of a node have in common.
    package struct Limits: Sendable {
        /// How long the store knows the ids of messages, milliseconds.
        package let dedupeMilliseconds: Int
        /// How long the store keeps a log in which nothing is said, milliseconds.
        package let keptMilliseconds: Int

        package init(dedupeMilliseconds: Int, keptMilliseconds: Int) {
            self.dedupeMilliseconds = dedupeMilliseconds
            self.keptMilliseconds = keptMilliseconds
        }
    }

    /// Entries that one read of the log brings at most.
    package static let rangeMax = 500
    /// Looks after which an opening without an answer is tried again.
    package static let looksMax = 3
    /// Looks after which nobody waits any more for publications that may still come.
    package static let fenceLooksMax = 2
    /// The highest seq: what Redis' scripts count exactly. Entries beyond it are ignored.
    package static let seqMax: UInt64 = 1 << 53

    package internal(set) var state: State
    /// The newest entry that this node has; the epoch is empty before the log was opened for the first time.
    package internal(set) var epoch = ""
    package internal(set) var newestSeq: UInt64 = 0
    package internal(set) var submissions = Submissions()
    var early = EarlyEntries()
    var former = FormerHistory()
    var unheld = UnheldMessages()
    let limits: Limits
    /// Fences are named after it; nothing else in the cluster has this name.
    let name: String
    var fences = 0
    /// When the store was last asked to keep the log, loop milliseconds.
    private var keptAt: Int?

    /// - Parameter name: a name that nothing else in the cluster has.
    package init(name: String, limits: Limits, isStoreAway: Bool) {
        self.name = name
        self.limits = limits
        state = isStoreAway ? .away(opening: 0) : .opening(Opening(number: 0, step: .subscription, isLive: false))
    }

    // MARK: What this node may claim

    package enum Standing: Sendable {
        /// What the node has is as good as it gets.
        case away
        /// Something is missing here that the store has, or may have.
        case behind
        /// What the store has is here, and nothing that members saw in a lost history is still to come again.
        case inStep
    }

    package var standing: Standing {
        switch state {
        case .away, .closed: .away
        case .opening, .catchingUp: .behind
        case .following: former.isAnyMissing ? .behind : .inStep
        }
    }

    /// Who comes now misses nothing that this node could give.
    package var mayLetIn: Bool { standing != .behind }

    package var isAway: Bool { if case .away = state { true } else { false } }

    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// Nothing of this node waits for a place, nor anything that it has to restore.
    package var isQuiet: Bool { submissions.count == 0 && !former.isAnyMissing }

    /// Whether `flushed` would give something.
    package var hasUnsent: Bool {
        if case .following(let following) = state { !following.isUnanswered && submissions.hasUnsent } else { false }
    }

    /// Whether somebody who has seen a former history up to `position` has seen a message there.
    package func wasSeen(_ body: [UInt8], upTo position: Position) -> Bool { former.wasSeen(body, upTo: position) }

    // MARK: Questions

    /// The ticket of a question that is asked now. Its opening is the present one.
    var ticket: Ticket { Ticket(opening: state.opening ?? 0, at: Position(epoch: epoch, seq: newestSeq)) }

    /// The one place in which answers to what former openings asked are refused.
    func isStale(_ ticket: Ticket) -> Bool { state.opening != ticket.opening }

    /// Asks for the log's place anew; answers to what was asked before mean nothing any more.
    /// - Parameter isLive: whether entries that come next meanwhile are taken.
    mutating func reopen(isLive: Bool) -> Ticket {
        state = .opening(Opening(number: (state.opening ?? 0) + 1, step: .place, isLive: isLive))
        return ticket
    }

    // MARK: The store comes and goes

    /// The store can't be reached.
    /// - Returns: own messages that were not delivered yet, in order; `unplaced` decides what becomes of each.
    package mutating func storeLost() -> [UInt64] {
        guard let opening = state.opening, !isAway else { return [] }
        state = .away(opening: opening + 1)
        return submissions.waiting.filter { !$0.isProvisional }.compactMap(\.number)
    }

    /// The store can be reached again, or was out of reach so shortly that nobody was told.
    /// - Returns: the question for the log's place; nil once closed.
    package mutating func storeReturned() -> Ticket? { isClosed ? nil : reopen(isLive: false) }

    /// The subscription stands, for the first time or again: something may have been missed.
    /// - Returns: the question for the log's place; nil while the store is away.
    package mutating func subscribed() -> Ticket? {
        switch state {
        case .away, .closed: nil
        case .opening(let opening): reopen(isLive: opening.isLive)
        case .catchingUp, .following: reopen(isLive: true)
        }
    }

    /// The log is followed no longer. Messages that wait can still be withdrawn.
    package mutating func closed() { state = .closed }

    // MARK: Time

    package enum Polled: Sendable {
        case nothing
        /// A fence was given up; `advanced` goes on.
        case fenceGivenUp
        /// Ask where the log stands.
        case look(Ticket)
        /// Ask for the log's place.
        case open(Ticket)
    }

    /// Some time has passed, a second or two since the last look (loop milliseconds). The last publication of all may
    /// have been lost: what a look finds must be here by the next one.
    package mutating func polled(at now: Int) -> Polled {
        former.expire(at: now, after: limits.dedupeMilliseconds)
        switch state {
        case .away, .closed: return .nothing
        case .opening(var opening):
            opening.looks += 1
            state = .opening(opening)
            return opening.looks >= Self.looksMax ? .open(reopen(isLive: opening.isLive)) : .nothing
        case .catchingUp(var catchUp):
            catchUp.looks += 1
            state = .catchingUp(catchUp)
            if catchUp.looks >= Self.fenceLooksMax, case .fenced(let name, _) = catchUp.reading {
                return fencePassed(name) ? .fenceGivenUp : .nothing
            }
            return catchUp.looks >= Self.looksMax ? .open(reopen(isLive: true)) : .nothing
        case .following(let following):
            let isBehind = following.isUnanswered || following.missedSeq > newestSeq
            return isBehind ? .open(reopen(isLive: true)) : .look(ticket)
        }
    }

    package enum Looked: Sendable {
        case stale
        case nothing
        /// Ask for the log's place: the store has another history, or less than was here.
        case open(Ticket)
    }

    /// The store said where the log stands; nil: nowhere, or it can't be read.
    package mutating func looked(_ place: Position?, for ticket: Ticket) -> Looked {
        guard !isStale(ticket), case .following(var following) = state else { return .stale }
        guard let place, place.epoch == epoch, place.seq >= ticket.at.seq else { return .open(reopen(isLive: true)) }
        following.missedSeq = min(place.seq, Self.seqMax)
        state = .following(following)
        return .nothing
    }

    /// Somebody is here, in whose log nothing may have been said for long (loop milliseconds).
    /// - Returns: a question for the log's place that has the store keep it for another while, when that is due.
    package mutating func used(at now: Int) -> Ticket? {
        guard standing == .inStep, keptAt.map({ now - $0 >= limits.keptMilliseconds / 4 }) ?? true else { return nil }
        keptAt = now
        return ticket
    }
}
