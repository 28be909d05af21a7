import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// Keeps one room, or one user's inbox, in step with its log in the store: asks, listens, commits and repairs, and tells
/// the room what came of it. What is decided is decided by `SharedLog`.
///
/// Thread: the room's home's; the store's completions come on it.
final class LogFollower {
    /// What all logs of a node have in common.
    struct Rules: Sendable {
        let dedupeMilliseconds: Int
        let keptMilliseconds: Int
    }

    /// Entries that one read of the log brings at most.
    static let rangeMax = 500
    /// Looks after which an opening without an answer is tried again.
    static let idlePollsMax = 3
    /// Messages that members have seen, and the room has not, that are remembered.
    static let unheldMax = 1_000
    /// Looks after which nobody waits any more for publications that may still come.
    static let fencePollsMax = 2
    /// How long who comes waits for a log that is being restored to be in step: far longer than that takes.
    static let patienceMilliseconds = 3_000
    /// Between two looks.
    static let pollMilliseconds = 2_000

    var log = SharedLog()
    let keys: LogKeys
    let store: any Store
    let rules: Rules
    let entriesMax: () -> Int
    /// One of how many messages the store is to keep now.
    let storedOneOf: () -> Int
    let makeEpoch: () -> String
    unowned let delegate: any LogFollowerDelegate
    let pace: ResyncPace?
    /// How long the store took to commit, once per message.
    let commitLatency: BucketHistogram
    /// It waits for its turn at sending what was kept, or has sent a part of that.
    var isInTurn = false
    /// Rises with each opening: answers to what was asked before it mean nothing any more.
    var opening = 0
    var isCatchingUp = false
    var isClosed = false
    /// Repetitions of messages whose place is known and has not come here yet.
    var repetitions: [(number: UInt64, first: Position, time: Int, isStored: Bool)] = []
    /// What the last look at the store's place found, when it was ahead of what had come.
    var missedSeq: UInt64 = 0
    /// Bodies of a history that the store lost, in its order, as long as some of them are missing in the present one.
    var former: [[UInt8]] = []
    /// What is to be done when all has come that was published before: the name under which that shows, and the
    /// opening in which it was wanted.
    var fence: (name: String, opening: Int, passed: () -> Void)?
    /// What members have seen of the present history, but without its place, which was passed as not stored: it is not
    /// among what the room holds. The newest ones.
    var unheld: [(seq: UInt64, body: [UInt8])] = []
    /// Looks that found the follower still catching up.
    var idlePolls = 0
    var pollsSinceFork = 0
    /// When the store was last asked to keep the log, loop milliseconds.
    var refreshedAt = 0

    /// - Parameters:
    ///   - makeEpoch: makes names that nothing else has.
    ///   - pace: when messages that were kept are sent; nil: at once.
    ///   - commitLatency: counts how long commits took.
    init(
        _ keys: LogKeys, store: any Store, rules: Rules, entriesMax: @escaping () -> Int,
        storedOneOf: @escaping () -> Int = { 1 }, makeEpoch: @escaping () -> String, pace: ResyncPace? = nil,
        commitLatency: BucketHistogram,
        delegate: any LogFollowerDelegate
    ) {
        self.pace = pace
        self.commitLatency = commitLatency
        self.keys = keys
        self.store = store
        self.rules = rules
        self.entriesMax = entriesMax
        self.storedOneOf = storedOneOf
        self.makeEpoch = makeEpoch
        self.delegate = delegate
    }

    // MARK: What the room asks for

    /// Begins to follow. With the store away the room is opened when it comes back.
    func begin(isStoreAway: Bool) {
        if isStoreAway { _ = log.storeLost() }
        store.subscribe(keys.channel) { [weak self] notice in self?.noticed(notice) }
    }

    /// Ends it.
    func close() {
        isClosed = true
        store.unsubscribe(keys.channel)
    }

    /// Takes a message in. It is told at once when it can only be provisional.
    func submit(_ submission: Submission) {
        // What members have seen is known here, whatever becomes of the store's history.
        if log.standing != .following, isRepetition(submission) { return }
        if let place = log.formerPlace(of: submission.body) {
            return delegate.repeated(submission, first: place, time: submission.time)
        }
        let number = log.submitted(submission)
        if log.standing == .away, let kept = log.submission(number) { delegate.provisional(kept) }
    }

    /// Whether members here have seen a message before; its author is told then.
    private func isRepetition(_ submission: Submission) -> Bool {
        guard let first = unheld.first(where: { SharedLog.areSame($0.body, submission.body) }) else {
            return delegate.isRepetition(submission)
        }
        let time = first.body.withUnsafeBytes(MessageBody.time) ?? submission.time
        delegate.repeated(submission, first: Position(epoch: log.epoch, seq: first.seq), time: time)
        return true
    }

    /// Gives back all messages that wait for a place; they get none any more.
    func withdrawAll() -> [Submission] { log.withdrawAll() }

    /// Sends what was submitted since the last time; to be called at the end of a turn.
    func flush() {
        while log.hasUnsent, !isCatchingUp, !isClosed {
            if let pace, log.nextWasKept {
                if !isInTurn { pace.wants(self) }
                isInTurn = true
                return
            }
            commit(log.takeUnsent())
        }
    }

    /// Sends a batch that begins with a message that was kept. Its end is told to the pace.
    func sendKept() {
        guard log.hasUnsent, !isCatchingUp, !isClosed else { return turnEnded() }
        commit(log.takeUnsent()) { [weak self, pace] in
            if let self { turnEnded() } else { pace?.ended() }
        }
    }

    func turnEnded() {
        isInTurn = false
        pace?.ended()
        flush()
    }

    /// The store can't be reached.
    func storeLost() {
        opening += 1
        isCatchingUp = false
        for number in log.storeLost() {
            guard let submission = log.submission(number) else { continue }
            if isRepetition(submission) {
                _ = log.removed(number)
            } else {
                delegate.provisional(submission)
            }
        }
    }

    /// The store can be reached again.
    func storeReturned() {
        log.reopening()
        open()
    }

    /// What the store has is here, and nothing that members have seen in a former history is still to come again: who
    /// comes now misses nothing. With the store away it is as good as it gets.
    var isInStep: Bool {
        switch log.standing {
        case .away: true
        case .opening: false
        case .following: !isCatchingUp && !log.isAnyMissing
        }
    }

    /// Nothing of this node waits for a place, nor anything that it has to restore.
    var isQuiet: Bool { log.waitingCount == 0 && !log.isAnyMissing }

    /// Has the store keep the log, in which nothing may have been said for long, for another while: somebody is here.
    func refresh(at now: Int) {
        guard isInStep, log.standing == .following, now - refreshedAt >= rules.keptMilliseconds / 4 else { return }
        refreshedAt = now
        store.perform(LogCommit.operation(keys, terms(), [])) { _ in }
    }

    /// Looks how far the log is, as the last publication of all may have been lost: what a look finds must be here by
    /// the next one. To be called every second or two.
    func poll() {
        guard log.standing != .away else { return }
        pollsSinceFork += 1
        if pollsSinceFork * Self.pollMilliseconds > rules.dedupeMilliseconds { log.forgetFormerPlaces() }
        if isCatchingUp || log.standing == .opening {
            // An answer was refused or lost with its connection.
            idlePolls += 1
            if idlePolls >= Self.fencePollsMax, let name = fence?.name { return passFence(name) }
            if idlePolls >= Self.idlePollsMax { open() }
            return
        }
        if missedSeq > log.newestSeq { return open() }
        let fields = ["epoch", "seq"].map { Array($0.utf8) }
        store.perform(.hashGetSome(key: keys.place, fields: fields)) { [weak self] result in
            guard let self, case .success(.array(let place)) = result, place.count == 2 else { return }
            looked(place)
        }
    }

    func looked(_ place: [StoreReply]) {
        guard log.standing == .following, !isCatchingUp else { return }
        guard case .bytes(let epoch) = place[0], case .bytes(let digits) = place[1],
            String(decoding: epoch, as: UTF8.self) == log.epoch,
            let seq = UInt64(String(decoding: digits, as: UTF8.self)), seq >= log.newestSeq
        else { return open() }
        missedSeq = seq
    }

    // MARK: Presence

    /// Says what a user is in the room with on this node; an empty record: with nothing any more.
    func tellPresence(of user: Identifier, boot: String, record: [UInt8]) {
        guard log.standing != .away else { return }
        store.perform(RoomPresence.operation(keys, boot: boot, user: user, record: record)) { _ in }
    }

    /// Asks who is in the room on all nodes.
    func readPresence() {
        guard log.standing != .away else { return }
        store.perform(RoomPresence.all(keys)) { [weak self] result in
            guard let self, !isClosed, log.standing != .away else { return }
            switch result {
            case .success(let reply): delegate.presenceRead(RoomPresence.entries(reply))
            case .failure: delegate.presenceRead(nil)
            }
        }
    }

    /// Says something to the other nodes that nobody keeps.
    func tell(_ notice: ClusterNotice) { ask(ClusterNotice.operation(keys, notice)) { _ in } }

    /// Asks the store for something else about the room or user; without an answer when the store is away, or when the
    /// follower was closed meanwhile.
    func ask(_ operation: StoreOperation, _ answered: @escaping (StoreReply) -> Void) {
        guard log.standing != .away else { return }
        store.perform(operation) { [weak self] result in
            if let self, !isClosed, case .success(let reply) = result { answered(reply) }
        }
    }
}
