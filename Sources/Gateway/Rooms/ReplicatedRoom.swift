import ControlPlane
import Foundations
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
    /// Connections that came before the room had its place, or was in step with it.
    var arrivals = Arrivals()
    /// Questions that wait for the room to be ready.
    private var waiting: [() -> Void] = []
    /// Those who wait are let in, though the room is not in step.
    private var isImpatient = false
    /// The room can take members: it has caught up with the store, or the store is away.
    var isReady = false { didSet { users.isAnnouncing = isReady } }
    /// The seq of the last entry that members were told of, and why the next is not the one behind it, if it is not.
    var toldSeq: UInt64 = 0
    var gapReason: GapReason?
    /// In the table's list of rooms with something to commit.
    private var isListedForCommit = false
    var wasOpened = false
    /// Members that came while the room had no place yet, because the store was away, and what they had.
    var unplaced: [(info: ConnectionInfo, position: Position?, at: Int)] = []
    /// Our own messages among what is read at the first opening, by seq: who is in has seen them without a place.
    var placed: [UInt64: Submission] = [:]
    var provisionals = ProvisionalMessages()

    init(_ home: RoomOwner, _ replication: Replication) {
        self.home = home
        self.replication = replication
    }

    var table: RoomTable { home.table }
    var core: WorkerCore { home.core }

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
                makeEpoch: { [unowned core] in core.makeID() }),
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

    /// Keeps an arrival until the room is in step with its log; false when it is.
    func delays(_ info: ConnectionInfo, _ position: Position?) -> Bool {
        if isReady, isImpatient || replica?.log.mayLetIn != false { return false }
        arrivals.append(Arrivals.Waiting(info: info, position: position, since: core.loop.now))
        return true
    }

    /// An arrival that was delayed has gone; false when there was none.
    func forgetArrival(_ info: ConnectionInfo) -> Bool { arrivals.remove(info) }

    /// A connection came in.
    func joined(_ info: ConnectionInfo, from position: Position?) {
        guard !wasOpened || !unplaced.isEmpty else { return }
        let log = home.room.log
        let had = wasOpened ? Position(epoch: log.epoch, seq: log.newestSeq) : position
        unplaced.append((info, had, core.loop.unixNow))
    }

    /// A connection has caught up. It has not seen the provisional messages that wait.
    func wentLive(_ info: ConnectionInfo) {
        guard let replica else { return }
        provisionals.wentLive(info, next: replica.log.submissions.nextNumber)
    }

    /// A connection is no longer in.
    func departed(_ info: ConnectionInfo) {
        if !unplaced.isEmpty { unplaced.removeAll { $0.info === info } }
        provisionals.departed(info)
    }

    /// Lets those in who wait.
    func becameReady() {
        isReady = true
        letIn(arrivals.take())
        let works = waiting
        waiting = []
        for work in works { work() }
    }

    /// Does something once the room is as the store has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if isReady { work() } else { waiting.append(work) }
    }

    /// Whether the room can be dropped: nobody waits for anything here.
    var isIdle: Bool { arrivals.isEmpty && waiting.isEmpty && !isWaiting }

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
        letInAtLast()
        if !home.room.isEmpty { replica?.refresh(at: core.loop.now) }
        if isActive || isWaiting { replica?.poll(at: core.loop.now) }
    }

    /// Own messages have no place yet.
    var isWaiting: Bool { (replica?.log.submissions.count ?? 0) > 0 }

    /// Lets those in who wait for the room to be in step, when it is.
    func letIn() {
        if isReady, !arrivals.isEmpty, replica?.log.mayLetIn == true { letIn(arrivals.take()) }
    }

    /// Lets those in who have waited for a room that does not get in step.
    private func letInAtLast() {
        guard isReady, !arrivals.isEmpty else { return }
        letIn(arrivals.take(since: core.loop.now - ReplicaDriver.patienceMilliseconds))
    }

    private func letIn(_ taken: [Arrivals.Waiting]) {
        isImpatient = true
        for arrival in taken { home.join(arrival.info, from: arrival.position) }
        isImpatient = false
    }

    // MARK: The store

    func storeLost() {
        replica?.storeLost()
        if isReady { letIn() } else { becameReady() }
    }

    func storeReturned() { replica?.storeReturned() }

    /// Whether somebody who has seen a former history up to `position` has seen a message there.
    func wasSeen(_ body: [UInt8], upTo position: Position) -> Bool {
        replica?.log.wasSeen(body, upTo: position) ?? false
    }

    /// The room was deleted, here or elsewhere: its members go, and what waits for a place in it gets none.
    func deleted() {
        // It holds this room, and lets go of it now.
        let home = home
        guard table.find(home.room.id) === home else { return }
        let waiting = replica?.withdrawAll() ?? []
        let arrivals = arrivals.take()
        for submission in waiting {
            if submission.isProvisional { replication.outbox.removed(submission) }
            home.refuse(submission, "the room was deleted before the message had its place")
        }
        let (table, id) = (table, home.room.id)
        _ = table.drop(id)
        for arrival in arrivals { table.open(id).join(arrival.info, from: arrival.position) }
    }

    // MARK: Authors

    /// What is known of a message's place.
    struct Place {
        /// nil while it has none.
        let position: Position?
        let time: Int
        var isRepetition = false
    }

    func writeAck(_ submission: Submission, _ place: Place) {
        submission.rawID.withUnsafeBytes { id in
            core.writer.ack(
                .room(home.room.id), id: id, position: place.position, time: place.time,
                isDuplicate: place.isRepetition, durable: place.position == nil ? .local : .redis,
                isStored: submission.isStored)
        }
    }

    /// Tells an author of a message's place. `length` is that of the message's own frame, the last in the batch.
    func tell(_ author: Submission.Author, _ submission: Submission, _ place: Place, length: Int = 0) {
        writeAck(submission, place)
        let status = place.isRepetition ? 200 : place.position == nil ? 202 : 201
        home.notify(author, status: status, length: length)
    }
}

extension ReplicatedRoom: PresenceObserver {
    func presenceTold(_ change: RoomPresence.Change) { users.presence?.told(change) }

    func presenceRead(_ entries: [RoomPresence.Change]?) {
        if let entries { users.presence?.wasRead(entries) }
        guard !isReady else { return }
        FirstPlacing(replicated: self).placeMembers()
        becameReady()
    }
}
