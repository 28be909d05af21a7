import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// What a room, or a user, learns of its shared log. On the home's thread.
protocol LogFollowerDelegate: AnyObject {
    /// What members have seen of the history so far, in its order.
    var seenEntries: [(seq: UInt64, body: [UInt8])] { get }
    /// The history that was followed was deleted: nothing of it is to be restored.
    func deleted()
    /// The room has a place in the store. `isNew`: it is another history than before, or the first; entries up to
    /// `oldestBefore` are not in the store.
    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64)
    /// All that the store had when the room was opened has come.
    func caughtUp()
    /// An entry has its place: the one behind the last that came.
    func committed(_ body: [UInt8], seq: UInt64, own: Submission?, isSeen: Bool)
    /// Entries up to `seq` will not come: the store has them no longer.
    func skipped(to seq: UInt64)
    /// Whether a message that can only be kept here was sent before, as far as this node knows; then its author is told.
    func isRepetition(_ submission: Submission) -> Bool
    /// A message is to be delivered without a place, because the store is away.
    func provisional(_ submission: Submission)
    /// Another node, or this one, said who is in the room with what.
    func presenceTold(_ change: RoomPresence.Change)
    /// All that the store knows of who is in the room; nil when it gave no answer.
    func presenceRead(_ entries: [RoomPresence.Change]?)
    /// Another node, or this one, says something that nobody keeps.
    func noticed(_ notice: ClusterNotice)
    /// A message was committed before.
    func repeated(_ submission: Submission, first: Position, time: Int)
}

/// Keeps one room, or one user's inbox, in step with its log in the store: asks, listens, commits and repairs, and tells the room what came
/// of it. What is decided is decided by `SharedLog`.
///
/// Thread: the room's home's; the store's completions come on it.
final class LogFollower {
    /// What all logs of a node have in common.
    struct Rules: Sendable {
        let dedupeMilliseconds: Int
        let keptMilliseconds: Int
    }

    /// Entries that one read of the log brings at most.
    private static let rangeMax = 500
    /// Looks after which an opening without an answer is tried again.
    private static let idlePollsMax = 3
    /// Between two looks.
    static let pollMilliseconds = 2_000

    private(set) var log = SharedLog()
    let keys: LogKeys
    private let store: any Store
    private let rules: Rules
    private let entriesMax: () -> Int
    private let makeEpoch: () -> String
    private unowned let delegate: any LogFollowerDelegate
    private let pace: ResyncPace?
    /// It waits for its turn at sending what was kept, or has sent a part of that.
    private var isInTurn = false
    /// Rises with each opening: answers to what was asked before it mean nothing any more.
    private var opening = 0
    private var isCatchingUp = false
    private var isClosed = false
    /// Repetitions of messages whose place is known and has not come here yet.
    private var repetitions: [(number: UInt64, first: Position, time: Int)] = []
    /// What the last look at the store's place found, when it was ahead of what had come.
    private var missedSeq: UInt64 = 0
    /// Bodies of a history that the store lost, in its order, as long as some of them are missing in the present one.
    private var former: [[UInt8]] = []
    /// Looks that found the follower still catching up.
    private var idlePolls = 0
    private var pollsSinceFork = 0

    /// - Parameter pace: when messages that were kept are sent; nil: at once.
    init(
        _ keys: LogKeys, store: any Store, rules: Rules, entriesMax: @escaping () -> Int,
        makeEpoch: @escaping () -> String, pace: ResyncPace? = nil, delegate: any LogFollowerDelegate
    ) {
        self.pace = pace
        self.keys = keys
        self.store = store
        self.rules = rules
        self.entriesMax = entriesMax
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
        if log.standing != .following, delegate.isRepetition(submission) { return }
        if let place = log.formerPlace(of: submission.body) {
            return delegate.repeated(submission, first: place, time: submission.time)
        }
        let number = log.submitted(submission)
        if log.standing == .away, let kept = log.submission(number) { delegate.provisional(kept) }
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

    private func turnEnded() {
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
            if delegate.isRepetition(submission) {
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

    /// Looks how far the log is, as the last publication of all may have been lost: what a look finds must be here by
    /// the next one. To be called every second or two.
    func poll() {
        guard log.standing != .away else { return }
        pollsSinceFork += 1
        if pollsSinceFork * Self.pollMilliseconds > rules.dedupeMilliseconds { log.forgetFormerPlaces() }
        if isCatchingUp || log.standing == .opening {
            // An answer was refused or lost with its connection.
            idlePolls += 1
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

    private func looked(_ place: [StoreReply]) {
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

    // MARK: Opening

    private func noticed(_ notice: StoreNotice) {
        guard !isClosed, log.standing != .away else { return }
        switch notice {
        case .live: open()
        case .message(let payload):
            if let change = RoomPresence.publication(payload) { return delegate.presenceTold(change) }
            if let notice = ClusterNotice(payload) { return delegate.noticed(notice) }
            guard let publication = LogCommit.publication(payload) else { return }
            arrived(publication.epoch, publication.firstSeq, publication.bodies)
        }
    }

    private var terms: LogCommit.Terms {
        LogCommit.Terms(
            epoch: log.epoch, newestSeq: log.newestSeq, newEpoch: makeEpoch(),
            dedupeMilliseconds: rules.dedupeMilliseconds, entriesMax: entriesMax(),
            keptMilliseconds: rules.keptMilliseconds)
    }

    /// Asks for the log's place, and reads what is missing here.
    private func open() {
        opening += 1
        let opening = opening
        isCatchingUp = true
        idlePolls = 0
        missedSeq = 0
        repetitions = []
        store.perform(LogCommit.operation(keys, terms, [])) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            if log.epoch.isEmpty || answer.epoch == log.epoch {
                readOldest(answer, opening)
            } else {
                askDeleted(answer, opening)
            }
        }
    }

    /// Another history than the one that was followed: was that deleted, or did the store lose it?
    private func askDeleted(_ answer: LogCommit.Answer, _ opening: Int) {
        store.perform(RoomDeletion.question(keys)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed, case .success(let reply) = result else { return }
            if RoomDeletion.names(log.epoch, in: reply) { return delegate.deleted() }
            readOldest(answer, opening)
        }
    }

    /// Finds the oldest entry, for a log that was not followed before, or the first that is missing.
    private func readOldest(_ answer: LogCommit.Answer, _ opening: Int) {
        let known = answer.epoch == log.epoch ? log.newestSeq : 0
        store.perform(LogCommit.range(keys, after: known, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            let oldestBefore = entries.first.map { $0.seq - 1 } ?? max(answer.newestSeq, known)
            let before = log.newestSeq
            let how = log.opened(epoch: answer.epoch, oldestBefore: oldestBefore) {
                let seen = self.delegate.seenEntries
                self.former += seen.map(\.body)
                self.pollsSinceFork = 0
                return seen
            }
            delegate.opened(epoch: answer.epoch, isNew: how == .isNew, oldestBefore: oldestBefore)
            if how == .goesOn, log.newestSeq > before { delegate.skipped(to: log.newestSeq) }
            take(answer.epoch, entries, upTo: answer.newestSeq)
        }
    }

    private func take(_ epoch: String, _ entries: [(seq: UInt64, body: [UInt8])], upTo newest: UInt64) {
        for entry in entries { arrived(epoch, entry.seq, [entry.body]) }
        guard log.newestSeq >= newest || entries.isEmpty else { return readOn(epoch, upTo: newest) }
        isCatchingUp = false
        takeEarly(epoch)
        restoreFormer()
        delegate.caughtUp()
        flush()
    }

    private func readOn(_ epoch: String, upTo newest: UInt64) {
        let opening = opening
        store.perform(LogCommit.range(keys, after: log.newestSeq, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            trimmed(entries)
            take(epoch, entries, upTo: newest)
        }
    }

    /// What the members saw of a history that the store lost is committed again, in its order, and before what waits.
    private func restoreFormer() {
        former = former.filter(log.isMissing)
        var rest = former[...]
        while !rest.isEmpty {
            restore(Array(rest.prefix(SharedLog.batchMax)))
            rest = rest.dropFirst(SharedLog.batchMax)
        }
    }

    private func restore(_ bodies: [[UInt8]]) {
        let known = bodies.compactMap { body in KeptMessage(body).map { (body: body, message: $0) } }
        let messages = known.map { body, message in
            LogCommit.Message(
                idKey: keys.id(user: message.user, id: message.id), time: message.time, body: body)
        }
        let opening = opening
        store.perform(LogCommit.operation(keys, terms, messages)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            for (entry, result) in zip(known, answer.results) {
                if case .committed(let seq) = result { arrived(answer.epoch, seq, entry.body) }
            }
        }
    }

    // MARK: Entries

    private func arrived(_ epoch: String, _ first: UInt64, _ bodies: [[UInt8]]) {
        var seq = first
        for body in bodies {
            arrived(epoch, seq, body)
            seq += 1
        }
    }

    private func arrived(_ epoch: String, _ seq: UInt64, _ body: [UInt8]) {
        switch log.arrived(epoch: epoch, seq: seq, body: body) {
        case .known: break
        case .next(let own, let isSeen):
            if let own, isSeen, let place = log.formerPlace(of: body) {
                delegate.committed(body, seq: seq, own: nil, isSeen: true)
                delegate.repeated(own, first: place, time: body.withUnsafeBytes(MessageBody.time) ?? own.time)
            } else {
                delegate.committed(body, seq: seq, own: own, isSeen: isSeen)
            }
            if !repetitions.isEmpty { tellRepetitions() }
            takeEarly(epoch)
        case .early(let mustRead): if mustRead, !isCatchingUp { readHole(epoch) }
        case .foreign: if !isCatchingUp { open() }
        }
    }

    private func takeEarly(_ epoch: String) {
        if let early = log.takeEarly() { arrived(epoch, early.seq, early.body) }
    }

    /// Reads the entries before one that came too early.
    private func readHole(_ epoch: String) {
        log.isReading = true
        let opening = opening
        store.perform(LogCommit.range(keys, after: log.newestSeq, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            log.isReading = false
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            trimmed(entries)
            for entry in entries { arrived(epoch, entry.seq, entry.body) }
        }
    }

    /// The store's oldest entry stands behind the one that is next here.
    private func trimmed(_ entries: [(seq: UInt64, body: [UInt8])]) {
        guard let first = entries.first?.seq, log.trimmed(upTo: first - 1) else { return }
        delegate.skipped(to: first - 1)
    }

    // MARK: Commits

    private func commit(
        _ batch: [(number: UInt64, submission: Submission)], ended: (() -> Void)? = nil
    ) {
        guard !batch.isEmpty else { return ended?() ?? () }
        let messages = batch.map { entry in
            LogCommit.Message(
                idKey: keys.id(user: entry.submission.user, id: entry.submission.id), time: entry.submission.time,
                body: entry.submission.body)
        }
        let opening = opening
        store.perform(LogCommit.operation(keys, terms, messages)) { [weak self] result in
            if ended != nil { self?.pace?.works() }
            if let self, self.opening == opening, !isClosed,
                // Without an answer the store is lost, or the log is opened again: either sends what waits once more.
                case .success(let reply) = result, let answer = LogCommit.answer(reply)
            {
                answered(answer, batch)
            }
            ended?()
        }
    }

    private func answered(_ answer: LogCommit.Answer, _ batch: [(number: UInt64, submission: Submission)]) {
        if answer.results.isEmpty { return open() }
        for (entry, result) in zip(batch, answer.results) {
            switch result {
            case .committed(let seq): arrived(answer.epoch, seq, entry.submission.body)
            case .known(let first, let time): repetitions.append((entry.number, first, time))
            }
        }
        tellRepetitions()
    }

    /// A repetition is told when its message has come here, so that its place does not run ahead of the room's order.
    private func tellRepetitions() {
        let waiting = repetitions
        repetitions = []
        for repetition in waiting {
            let body = log.submission(repetition.number)?.body
            let first = body.flatMap { log.formerPlace(of: $0) } ?? repetition.first
            if first.epoch == log.epoch, first.seq > log.newestSeq {
                repetitions.append(repetition)
            } else if let submission = log.removed(repetition.number) {
                delegate.repeated(submission, first: first, time: repetition.time)
            }
        }
    }
}
