import ClusterState
import Core
import Overload
import Rooms
import WireProtocol

/// A room of a cluster, at its home on this node: what its shared log says reaches the members here, and what they say
/// goes there.
///
/// Thread: the home worker's.
final class ReplicatedRoom {
    unowned let home: RoomOwner
    let replication: Replication
    private(set) var replica: ReplicaDriver?
    private(set) var channel: LogChannel?
    private(set) lazy var users = RoomPresenceView(home)
    private(set) lazy var facts = ReplicatedFacts(of: self)
    /// Connections that come before the room has its place, or is in step with it.
    private(set) lazy var gate = ArrivalGate(of: self)
    /// Questions between nodes about former epochs.
    private(set) lazy var forks = RoomForks(of: self)
    /// Questions that wait for the room to be ready.
    private var waiting: [() -> Void] = []
    /// The room can take members: it has caught up with the store, or the store is away.
    var isReady = false
    /// The store has said once who is in the room elsewhere.
    private var isPresenceRead = false
    var announced: AnnouncedPosition
    /// Where entries stood in former epochs.
    var former = FormerPlaces(readsNames: true)
    private(set) var resumed = ResumedMembers()
    /// In the table's list of rooms with something to commit.
    private var isListedForCommit = false
    var wasOpened = false
    var unplaced = UnplacedMembers()
    var provisionals = ProvisionalMessages()

    init(_ home: RoomOwner, _ replication: Replication) {
        self.home = home
        self.replication = replication
        announced = AnnouncedPosition(Position(epoch: home.room.log.epoch, seq: home.room.log.newestSeq))
    }

    var table: RoomTable { home.table }
    var core: WorkerCore { home.core }
    var replies: SubmissionReplies { SubmissionReplies(home: home) }

    /// Begins to follow the log; to be called once the room is in its table.
    func begin() {
        let configuration = core.configuration
        let questions = LogQuestions(
            keys: LogKeys(room: home.room.id), store: replication.store,
            limits: ReplicaLog.Limits(
                dedupeMilliseconds: configuration.dedupeWindowMilliseconds,
                keptMilliseconds: configuration.historyTTLMilliseconds),
            terms: LogQuestions.Terms(
                entriesMax: { [unowned home] in home.room.settings.historySize },
                storedOneOf: { [unowned replication] in replication.storedOneOf },
                makeID: { [unowned core] in core.makeID() }),
            commitLatency: core.counters.store.commitLatency)
        let replica = ReplicaDriver(
            questions, isStoreAway: replication.isStoreAway, pace: replication.pace, observer: self)
        let channel = LogChannel(replica, presence: self, notices: facts)
        self.replica = replica
        self.channel = channel
        users.begin(channel, replication)
        channel.open()
        if replication.isStoreAway { becameReady() }
    }

    /// Ends it; nobody is in and nothing waits.
    func end() {
        replica?.close()
        channel?.close()
        users.presence?.end()
    }

    // MARK: Members

    /// Whether this node is behind the room's history.
    var isPending: Bool { replica?.log.standing != .inStep }

    /// A connection comes in: can this node say what it missed?
    func admits(_ info: ConnectionInfo, _ position: Position?) -> RoomSequencer.Admission {
        guard replica != nil else { return .inStep }
        announceGap()
        // Who has waited for a proof in vain does not hear that the room is not so far.
        if !isPending, isReady, !gate.admitsUnproven {
            if let position { resumed(info, from: position) }
            return .inStep
        }
        let isHere = position.map { $0.epoch == home.room.log.epoch && $0.seq <= home.room.log.newestSeq } ?? true
        if wasOpened, isHere { return .behind }
        unplaced.append(info, at: position, since: core.loop.unixNow)
        // It must hear of no place before it is led to where the room is.
        if isReady, replica?.log.isAway == false { MemberPlacing(replicated: self).freeze() }
        return .unplaced
    }

    /// A member came, or was placed, with a position: of a former epoch something may still be committed again.
    func resumed(_ info: ConnectionInfo, from position: Position, isLed: Bool = false) {
        if position.epoch != home.room.log.epoch { resumed.append(info, from: position, isLed: isLed) }
    }

    /// A connection is no longer in.
    func departed(_ info: ConnectionInfo) {
        unplaced.remove(info)
        resumed.remove(info)
        if let replica { provisionals.departed(info, next: replica.log.submissions.unshownFrom) }
    }

    /// Messages that this node keeps for the store, in order.
    var provisionalMessages: [Submission] {
        guard provisionals.count > 0, let replica else { return [] }
        return replica.log.submissions.waiting.filter(\.isProvisional)
    }

    func provisionalFrames(to info: ConnectionInfo, resumes: Bool) -> [FrameSlice] {
        guard provisionals.count > 0, let replica else { return [] }
        let oldest = replica.log.submissions.oldestNumber
        let placed = Set(unplaced.own.lazy.filter(\.message.isProvisional).compactMap(\.message.number))
        let (first, repeated) = provisionals.wentLive(info, resumes: resumes, oldest: oldest, placed: placed)
        return provisionalMessages.filter { $0.number.map { $0 >= first && !repeated.contains($0) } ?? false }
            .map(replies.provisionalFrame)
    }

    /// Lets those in who wait.
    func becameReady() {
        isReady = true
        users.isAnnouncing = true
        announced = AnnouncedPosition(Position(epoch: home.room.log.epoch, seq: home.room.log.newestSeq))
        gate.letIn()
        let works = waiting
        waiting = []
        for work in works { work() }
    }

    /// Does something once the room is as the store has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if isReady { work() } else { waiting.append(work) }
    }

    /// Whether the room can be dropped: nobody waits for anything here.
    var isIdle: Bool { gate.isEmpty && waiting.isEmpty && !isWaiting }

    // MARK: Messages

    /// Takes a message to be committed; false when it can only be kept here, and too much is kept already.
    func submit(_ submission: Submission) -> Bool {
        guard let replica else { return false }
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

    /// Every two seconds: sees to it that the store does not forget a room that somebody is in, and looks after a lost
    /// last publication.
    func poll(isActive: Bool) {
        let latest = core.loop.now - ReplicaDriver.openingWaitMilliseconds
        if gate.letIn(since: latest), !unplaced.isEmpty { replica?.doubted() }
        if !home.isVacant { replica?.refresh(at: core.loop.now) }
        // A log that is not in step has nobody else who sees to it.
        if isActive || isWaiting || isPending { replica?.poll(at: core.loop.now) }
    }

    /// Own messages have no place yet.
    var isWaiting: Bool { (replica?.log.submissions.count ?? 0) > 0 }

    /// A connection has caught up to a position; while members hear nothing of what comes, it waits there.
    func wentLive(_ info: ConnectionInfo, at position: Position) {
        if !isReady { unplaced.append(info, at: position, since: core.loop.unixNow) }
    }

    /// Members get their places, once the room has all that the store has, and all that they saw of a lost history.
    func placeMembers() {
        guard !isReady, isPresenceRead, replica?.log.standing == .inStep, forks.mayPlace(unplaced.positions) else {
            return
        }
        MemberPlacing(replicated: self).place(isInStep: true)
        becameReady()
    }

    // MARK: The store

    func storeLost() {
        forks.storeLost()
        replica?.storeLost()
        wentAway()
    }

    /// The store does not serve the room now.
    func wentAway() {
        guard !isReady else { return gate.letIn() }
        // The room goes on without the store, with what is here.
        MemberPlacing(replicated: self).place(isInStep: false)
        becameReady()
    }

    func storeReturned() { replica?.storeReturned() }

    /// The room was deleted, here or elsewhere: its members go, and what waits for a place in it gets none.
    func deleted() {
        // It holds this room, and lets go of it now.
        let home = home
        guard table.find(home.room.id) === home else { return }
        let waiting = replica?.withdrawAll() ?? []
        let arrivals = gate.takeAll()
        for submission in waiting {
            if submission.isProvisional { replication.outbox.removed(submission) }
            home.refuse(submission, "the room was deleted before the message had its place")
        }
        let (table, id) = (table, home.room.id)
        let questions = self.waiting
        self.waiting = []
        _ = table.drop(id)
        for question in questions { question() }
        for arrival in arrivals {
            table.received(RoomRequest.join(arrival.info, from: arrival.position), of: id)
        }
    }
}

extension ReplicatedRoom: PresenceObserver {
    func presenceHeard(_ change: RoomPresence.Change?) { users.presence?.heard(change) }

    func presenceRead() {
        isPresenceRead = true
        placeMembers()
    }
}
