import ClusterState
import Core
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
    /// Work that waits for that.
    private struct Waiting {
        let work: () -> Void
        /// It is done then at the latest, loop milliseconds.
        let until: Int
        /// Where the device goes on that waits for its inbox, if it is known.
        let start: InboxStart?
    }
    private var waiting: [Waiting] = []
    var wasOpened = false
    /// A message was committed here before it was known whether the user is away from all nodes.
    var mayNeedPush = false
    private var isListedForCommit = false
    private(set) lazy var session = ReplicatedSession(of: self)
    private(set) lazy var cursors = DeviceCursors(of: self)
    private(set) lazy var placing = InboxPlacing(of: self)
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
                entriesMax: { configuration.inboxSize }, makeID: { [unowned core] in core.makeID() }),
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

    // MARK: Waiting

    /// A connection wants to be one of the user's. It gets its session and its cursor from the store, and its inbox
    /// behind these. One that has gone while it waited would replace a later connection of its device, so it is asked
    /// whether it is still there.
    func attach(_ arrival: Arrival) {
        let (time, core) = (devices.time(ofArrivalOf: arrival.device), core)
        var (start, session): (InboxStart?, WelcomeFrame.SessionState?) = (nil, nil)
        var missing = 2
        let goOn = { [weak self] in
            missing -= 1
            guard missing == 0, let session else { return }
            let confirm = {
                var arrival = arrival
                arrival.start = start
                core.send(.opening(arrival.socketKey, .confirm(arrival, at: time, session)), to: arrival.worker)
            }
            if let self { whenReady(from: start, confirm) } else { confirm() }
        }
        cursors.begin(arrival.device, cameAt: InboxCursor()) {
            start = $0
            goOn()
        }
        self.session.ask {
            session = $0
            goOn()
        }
    }

    /// Does something once the inbox is as the store has it, or can't be; at once when it is.
    /// - Parameter start: what must be known of the inbox then.
    func whenReady(from start: InboxStart? = nil, _ work: @escaping () -> Void) {
        usedAt = core.loop.now
        guard !mayServe(start) else { return work() }
        let until = usedAt + ReplicaDriver.openingWaitMilliseconds
        waiting.append(Waiting(work: work, until: until, start: start))
        table.awaitInbox(of: owner.id, until: until)
        doubtStarts()
    }

    private func mayServe(_ start: InboxStart?) -> Bool {
        guard isReady, let replica, replica.log.mayLetIn else { return false }
        return replica.log.isAway || start.map(placing.canJudge) ?? true
    }

    /// Has the store say whether cursors that are not known here are of its history.
    private func doubtStarts() {
        guard isReady, replica?.log.standing == .inStep, waiting.contains(where: { $0.start != nil }) else { return }
        replica?.doubtsPosition()
    }

    func becameReady() {
        isReady = true
        if mayNeedPush { pushes.messageKept() }
        mayNeedPush = false
        goOn()
    }

    /// Does what waits for the inbox to be in step with its log, as far as it is.
    func goOn() {
        placing.goOn()
        goOn { mayServe($0.start) }
        doubtStarts()
    }

    /// Ends waits whose time is up (loop milliseconds).
    func waitsEnd(at time: Int) { goOn { $0.until <= time } }

    private func goOn(where fits: (Waiting) -> Bool) {
        guard !waiting.isEmpty else { return }
        let taken = waiting.filter(fits)
        waiting.removeAll(where: fits)
        for entry in taken { entry.work() }
    }

    /// Whether it can be dropped: nobody is connected here and nothing waits.
    var isIdle: Bool {
        user.attendance.isEmpty && waiting.isEmpty && !session.isAsking && cursors.isIdle && !isWaiting
    }

    /// Messages that this node keeps for the store, in order.
    var provisionalMessages: [Submission] {
        guard isWaiting, let replica else { return [] }
        return replica.log.submissions.waiting.filter(\.isProvisional)
    }

    /// Nothing comes by itself.
    var isQuiet: Bool {
        guard let replica else { return true }
        return replica.log.isQuiet && replica.log.standing == .inStep
    }

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

    /// Every two seconds: says what was committed in the session and what the store does not know of cursors, and
    /// looks after a lost last publication.
    func poll(isActive: Bool) {
        session.publish()
        cursors.poll(at: core.loop.now)
        placing.goOn()
        let isBehind = replica?.log.standing != .inStep
        if isActive || isWaiting || isBehind { replica?.poll(at: core.loop.now) }
        if !user.attendance.isEmpty { replica?.refresh(at: core.loop.now) }
    }

    // MARK: The store

    func storeLost() {
        replica?.storeLost()
        wentAway()
        cursors.storeLost()
        session.storeLost()
    }

    func storeReturned() {
        replica?.storeReturned()
        session.storeReturned()
        cursors.write()
    }
}
