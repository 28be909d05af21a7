import Core

/// How this node follows a log that all nodes share, a room's or an inbox's: how far it has come, which of its own
/// messages have no place yet, and what it must ask the store for next.
///
/// The store is the truth. Whatever brings an entry (the answer to an own commit, a publication, a range that was
/// read) comes to `entryHeard`, in any order and any number of times; the machine gives each entry out once, in order.
/// Pure: time, names and limits come in, effects are results. One method per event; its result says what the driver
/// must do. After a result that gives something out, the driver calls `advanced` until nothing is left, so that the
/// machine never claims more than its observer has. Every question gets an answer or a refusal. Thread: the home's.
package struct ReplicaLog: ~Copyable {
    /// The limits that all logs of a node have in common.
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

    /// Looks that find nobody listening, until the log goes on without the store.
    package static let looksMax = 3
    /// Looks after which nobody waits any more for publications that may still come.
    package static let fenceLooksMax = 2
    /// The highest seq: what Redis' scripts count exactly. Entries beyond it are ignored.
    package static let seqMax: UInt64 = 1 << 53

    package internal(set) var state: State
    package internal(set) var progress = LogProgress()
    package internal(set) var messages = ReplicaMessages()
    var proofs = Proofs()
    let limits: Limits
    /// Fences are named after it; nothing else in the cluster has this name.
    let name: String
    var fences = 0
    /// Publications come.
    private var isSubscribed = false
    /// When the store was last asked to keep the log, loop milliseconds.
    private var keptAt: Int?

    /// - Parameter name: a name that nothing else in the cluster has.
    package init(name: String, limits: Limits, isStoreAway: Bool) {
        self.name = name
        self.limits = limits
        state =
            isStoreAway
            ? .away(Away(number: 0, isRefused: false))
            : .opening(LogOpening(number: 0, step: .subscription, isLive: false, proof: 0))
    }

    package var epoch: String { progress.epoch }
    package var newestSeq: UInt64 { progress.newestSeq }
    package var lineage: Lineage { progress.lineage }
    package var submissions: Submissions { messages.submissions }
    var former: FormerHistory { messages.former }

    // MARK: What this node may claim

    package enum Standing: Sendable {
        /// The store is away: the node's own entries are all that can be had.
        case away
        /// Something is missing here that the store has, or may have.
        case behind
        /// All that the store has is here, and all that members saw in a lost history has come again.
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

    /// Whether a position is one of what is here, or of a former epoch that leads to it. Of any other this node must
    /// not say that it is ahead, or of no history, before `isProven`.
    package func knows(_ position: Position) -> Bool { progress.knows(position) }

    /// The number that proves that this node has all that the store had at this moment, once it `isProven`.
    package var nextProof: UInt64 { proofs.next }

    package func isProven(_ proof: UInt64) -> Bool { proofs.isProven(proof) && standing == .inStep }

    // MARK: Questions

    /// The ticket of a question that is asked now. Its opening is the present one.
    var ticket: Ticket { Ticket(opening: state.opening ?? 0, at: progress.position) }

    /// The one place in which answers to what former openings asked are refused.
    func isStale(_ ticket: Ticket) -> Bool { state.opening != ticket.opening }

    /// Asks for the log's place anew; answers to what was asked before mean nothing any more.
    /// - Parameter isLive: whether entries that come next meanwhile are taken.
    mutating func reopen(isLive: Bool) -> Ticket {
        state = .opening(.init(number: (state.opening ?? 0) + 1, step: .place, isLive: isLive, proof: proofs.ask()))
        return ticket
    }

    // MARK: The store comes and goes

    /// The store can't be reached.
    /// - Returns: own messages that were not delivered yet, in order; `unplaced` decides what becomes of each.
    package mutating func storeLost() -> [UInt64] { wentAway(isRefused: false) }

    /// Goes on without the store.
    mutating func wentAway(isRefused: Bool) -> [UInt64] {
        guard let number = state.opening else { return [] }
        let wasAway = isAway
        state = .away(Away(number: number + 1, isRefused: isRefused))
        return wasAway ? [] : submissions.waiting.filter { !$0.isProvisional }.compactMap(\.number)
    }

    /// The store can be reached again, or was out of reach so shortly that nobody noticed.
    /// - Returns: the question for the log's place; nil once closed, and while nobody listens.
    package mutating func storeReturned() -> Ticket? {
        guard let number = state.opening else { return nil }
        guard !isSubscribed else { return reopen(isLive: false) }
        state = .opening(LogOpening(number: number + 1, step: .subscription, isLive: false, proof: 0))
        return nil
    }

    /// The subscription stands, for the first time or again: something may have been missed.
    /// - Returns: the question for the log's place; nil while the store is away.
    package mutating func subscribed() -> Ticket? {
        isSubscribed = true
        switch state {
        case .closed: return nil
        case .away(let away): return away.isRefused ? reopen(isLive: false) : nil
        case .opening(let opening): return reopen(isLive: opening.isLive)
        case .catchingUp, .following: return reopen(isLive: true)
        }
    }

    /// Publications come no more. Until they do again nothing is committed, and nothing is claimed.
    package mutating func interrupted() {
        isSubscribed = false
        progress.forgetEarly()
        state.awaitSubscription()
    }

    /// The store may have another history by now: this one was forgotten there, or something came that can't be read.
    /// - Returns: the question for the log's place; nil where it is not the time to ask.
    package mutating func doubted() -> Ticket? {
        guard isSubscribed else { return nil }
        switch state {
        case .away, .closed, .opening: return nil
        case .catchingUp, .following: return reopen(isLive: true)
        }
    }

    /// Messages wait for a log whose place was asked for when none did.
    /// - Returns: the question, to be asked ahead of those of other logs; nil when it is not asked for now.
    package mutating func hurried() -> Ticket? {
        guard case .opening(let opening) = state, opening.step.asksPlace else { return nil }
        return reopen(isLive: opening.isLive)
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
        /// The log goes on without the store: `unplaced` decides what becomes of each of these messages.
        case lost([UInt64])
    }

    /// Some time has passed, a second or two since the last look (loop milliseconds). The last publication of all may
    /// have been lost: what a look finds must be here by the next one.
    package mutating func polled(at now: Int) -> Polled {
        messages.former.expire(at: now, after: limits.dedupeMilliseconds)
        switch state {
        case .away(let away): return away.isRefused && isSubscribed ? .open(reopen(isLive: false)) : .nothing
        case .closed: return .nothing
        case .opening: return state.lookedForSubscription() ? .lost(wentAway(isRefused: true)) : .nothing
        case .catchingUp: return state.lookedForFence() ? .fenceGivenUp : .nothing
        case .following(let following):
            if following.looks.foundSeq > newestSeq { return .open(reopen(isLive: true)) }
            return look().map { .look($0) } ?? .nothing
        }
    }

    /// Somebody came whose position is not known here: what the store has decides.
    /// - Returns: the question of where the log stands; nil when it was asked and not answered yet.
    package mutating func doubtsPosition() -> Ticket? { look() }

    private mutating func look() -> Ticket? {
        guard case .following(var following) = state, !following.looks.isUnderWay else { return nil }
        following.looks.began(proofs.ask())
        state = .following(following)
        return ticket
    }

    package enum Looked: Sendable {
        case stale
        case nothing
        /// Ask for the log's place: the store has another history, or other entries than are here.
        case open(Ticket)
    }

    /// The store said where the log stands; nil: nowhere, or it can't be read.
    package mutating func looked(_ place: Place?, for ticket: Ticket) -> Looked {
        guard !isStale(ticket), case .following(var following) = state else { return .stale }
        guard let place, place.epoch == epoch, place.newestSeq >= ticket.at.seq else {
            return .open(reopen(isLive: true))
        }
        progress.lineage = place.lineage
        following.looks.found(min(place.newestSeq, Self.seqMax))
        state = .following(following)
        if let number = state.reached(newestSeq) { proofs.prove(number) }
        return .nothing
    }

    /// Somebody is here, in whose log nothing may have been said for long (loop milliseconds).
    /// - Returns: a question for the log's place that has the store keep it for another while, when that is due.
    package mutating func used(at now: Int) -> Ticket? {
        guard standing == .inStep, keptAt.map({ now - $0 >= limits.keptMilliseconds / 4 }) ?? true,
            let ticket = look()
        else { return nil }
        keptAt = now
        return ticket
    }
}
