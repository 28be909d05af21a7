import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// A user of a cluster, at its home on this node: the inbox that all nodes share, the devices on other nodes, and the
/// session.
///
/// Thread: the home worker's.
final class ReplicatedUser {
    unowned let owner: UserOwner
    let replication: Replication
    private(set) var replica: ReplicaDriver?
    private(set) var channel: LogChannel?
    private(set) var presence: ClusterPresence?
    let keys: LogKeys
    /// The inbox, once there is something in it or to be put there.
    let inbox: Inbox
    /// The inbox has caught up with the store, or the store is away.
    var isReady = false
    /// What waits for that.
    var waiting: [(work: () -> Void, since: Int)] = []
    var wasOpened = false
    /// Our own messages that had their place before the first opening was done, and the bodies that are there.
    var placed: [(own: Submission, body: [UInt8], position: Position)] = []
    /// Why the next entry does not follow the one that the devices were told of last.
    var gapReason: GapReason?
    /// Who has seen the messages that were delivered without a place and have none yet, by their numbers.
    var seen: [UInt64: Set<ObjectIdentifier>] = [:]
    private var isListedForCommit = false
    private(set) lazy var session = ReplicatedSession(of: self)
    /// When it was last needed, loop milliseconds.
    private(set) var usedAt: Int

    init(_ owner: UserOwner, _ replication: Replication) {
        self.owner = owner
        self.replication = replication
        keys = LogKeys(user: owner.id)
        usedAt = owner.core.loop.now
        inbox = owner.openInbox()
    }

    var user: User { owner.user }
    var pushes: ReplicatedPushes { ReplicatedPushes(replicated: self) }
    var table: UserTable { owner.table }
    var core: WorkerCore { owner.core }

    /// Begins to follow the inbox; to be called once the user is in its table.
    func begin() {
        let configuration = core.configuration
        let questions = LogQuestions(
            keys: keys, store: replication.store,
            limits: ReplicaLog.Limits(
                dedupeMilliseconds: configuration.dedupeWindowMilliseconds,
                keptMilliseconds: configuration.inboxTTLMilliseconds),
            terms: LogQuestions.Terms(
                entriesMax: { configuration.inboxSize }, makeEpoch: { [unowned core] in core.makeID() }),
            commitLatency: core.counters.store.commitLatency)
        let replica = ReplicaDriver(
            questions, isStoreAway: replication.isStoreAway, pace: replication.pace, observer: self)
        let channel = LogChannel(replica, presence: self, notices: self)
        self.replica = replica
        self.channel = channel
        presence = ClusterPresence(channel, core, replication, delegate: self)
        channel.open()
        if replication.isStoreAway { becameReady() }
    }

    /// Ends it; nobody is connected and nothing waits.
    func end() {
        replica?.close()
        channel?.close()
        presence?.end()
    }

    /// The user was needed now: it is followed for another while.
    func use() { usedAt = core.loop.now }

    /// Does something once the inbox is as the store has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        usedAt = core.loop.now
        if isReady, replica?.log.mayLetIn != false { work() } else { waiting.append((work, usedAt)) }
    }

    func becameReady() {
        isReady = true
        goOn(since: .max)
    }

    /// Does what waits for the inbox to be in step with its log, when it is.
    func goOn() {
        if replica?.log.mayLetIn == true { goOn(since: .max) }
    }

    /// Does what has waited since a time (loop milliseconds) or longer.
    private func goOn(since latest: Int) {
        guard isReady, !waiting.isEmpty else { return }
        let taken = waiting.filter { $0.since <= latest }
        waiting.removeAll { $0.since <= latest }
        for entry in taken { entry.work() }
    }

    /// Whether it can be dropped: nobody is connected here and nothing waits.
    var isIdle: Bool { user.attendance.isEmpty && waiting.isEmpty && !session.isAsking && !isWaiting }

    /// Own messages have no place yet.
    private var isWaiting: Bool { (replica?.log.submissions.count ?? 0) > 0 }

    // MARK: Messages

    /// Takes a direct message to be committed to this inbox; false when it can only be kept here, and too much is kept
    /// already.
    func submit(_ submission: Submission) -> Bool {
        guard let replica else { return false }
        usedAt = core.loop.now
        guard replica.submit(submission, mayKeep: replication.outbox.hasRoom(for: submission)) else { return false }
        if replica.log.hasUnsent, !isListedForCommit {
            isListedForCommit = true
            table.commitLater(self)
        }
        return true
    }

    /// At the end of a turn: sends what was submitted in it.
    func commitSubmitted() {
        isListedForCommit = false
        replica?.flush()
    }

    /// Every two seconds: tells what was committed in the session, and looks after a lost last publication.
    func poll(isActive: Bool) {
        session.publish()
        goOn(since: core.loop.now - ReplicaDriver.patienceMilliseconds)
        let isBehind = replica?.log.standing != .inStep
        if isActive || isWaiting || isBehind { replica?.poll(at: core.loop.now) }
        if !user.attendance.isEmpty { replica?.refresh(at: core.loop.now) }
    }

    // MARK: The inbox

    /// A device has processed the inbox up to a position.
    func acknowledged(_ position: Position, by device: Identifier) {
        inbox.acknowledged(position, device: device)
        tellCursor(position, of: device)
    }

    func tellCursor(_ position: Position, of device: Identifier) {
        guard !replication.isStoreAway else { return }
        let operation = InboxCursor.operation(
            keys, position, device: device, devicesMax: Inbox.cursorsMax,
            kept: core.configuration.inboxTTLMilliseconds)
        replication.store.perform(operation) { _ in }
    }

    /// Reads how far devices on all nodes have processed the inbox; at once when the store is away.
    func readCursors(_ completion: @escaping () -> Void) {
        guard !replication.isStoreAway else { return completion() }
        replication.store.perform(InboxCursor.all(keys)) { [weak self] result in
            if let self, let cursors = (try? result.get()).flatMap(InboxCursor.cursors) { remember(cursors) }
            completion()
        }
    }

    func remember(_ cursors: [InboxCursor]) {
        for cursor in cursors { inbox.raiseCursor(of: cursor.device, to: cursor.seq) }
    }

    // MARK: The store

    func storeLost() {
        replica?.storeLost()
        if isReady { goOn() } else { becameReady() }
        session.storeLost()
    }

    func storeReturned() {
        replica?.storeReturned()
        session.storeReturned()
    }
}
