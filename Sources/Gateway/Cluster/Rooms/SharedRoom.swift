import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// A room of a cluster, at its home on this node: what its shared log says reaches the members here, and what they say
/// goes there.
///
/// Thread: the home worker's.
final class SharedRoom {
    unowned let home: RoomOwner
    let replication: Replication
    private(set) var follower: ReplicaDriver?
    private(set) var channel: LogChannel?
    /// Who is in on other nodes, and those of them who are not in here.
    private(set) var presence: ClusterPresence?
    var elsewhere: Set<Identifier> = []
    /// An operator set something while the store was away.
    var settingsToTell = false
    /// What waits for the room to be ready, besides the arrivals.
    var waiting: [() -> Void] = []
    /// Connections that came before the room had its place, or was in step with it.
    var arrivals: [(info: ConnectionInfo, position: Position?, since: Int)] = []
    /// Those who wait are let in, whatever is still to come.
    var isImpatient = false
    /// The room can take members: it has caught up with the store, or the store is away.
    var isReady = false
    /// The seq of the last entry that members were told of, and why the next is not the one behind it, if it is not.
    var toldSeq: UInt64 = 0
    var gapReason: GapReason?
    /// In the worker's list of rooms with something to commit.
    var isListedForCommit = false
    var wasOpened = false
    /// Members that came while the room had no place yet, because the store was away, and what they had.
    var unplaced: [(info: ConnectionInfo, position: Position?, at: Int)] = []
    /// Members that sent a provisional message of theirs again: that counts as having seen it.
    var repeaters: [(info: ConnectionInfo, number: UInt64)] = []
    /// Our own messages among what is read at the first opening, by seq: who is in has seen them without a place.
    var placed: [UInt64: Submission] = [:]
    /// Messages that were delivered without a place and have none yet.
    var provisionalCount = 0
    /// Members that came while provisional messages waited, and the number of the first that they saw.
    var lateMembers: [(info: ConnectionInfo, firstSeen: UInt64)] = []

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
        let follower = ReplicaDriver(
            questions, isStoreAway: replication.isStoreAway, pace: replication.pace, observer: self)
        let channel = LogChannel(follower, presence: self, notices: self)
        self.follower = follower
        self.channel = channel
        presence = ClusterPresence(channel, core, replication, delegate: self)
        channel.open()
        if replication.isStoreAway { becameReady() }
    }

    /// Ends it; nobody is in and nothing waits.
    func end() {
        follower?.close()
        channel?.close()
        presence?.end()
    }

    // MARK: Members

    /// Keeps an arrival until the room is in step with its log; false when it is.
    func delays(_ info: ConnectionInfo, _ position: Position?) -> Bool {
        if isReady, isImpatient || follower?.log.mayLetIn != false { return false }
        arrivals.append((info, position, core.loop.now))
        return true
    }

    /// An arrival that was delayed has gone; false when there was none.
    func forgetArrival(_ info: ConnectionInfo) -> Bool {
        guard let index = arrivals.firstIndex(where: { $0.info === info }) else { return false }
        arrivals.remove(at: index)
        return true
    }

    /// A connection came in.
    func joined(_ info: ConnectionInfo, from position: Position?) {
        guard !wasOpened || !unplaced.isEmpty else { return }
        let log = home.room.log
        let had = wasOpened ? Position(epoch: log.epoch, seq: log.newestSeq) : position
        unplaced.append((info, had, core.loop.unixNow))
    }

    /// A connection has caught up. It has not seen the provisional messages that wait.
    func wentLive(_ info: ConnectionInfo) {
        guard let follower, provisionalCount > 0 else { return }
        lateMembers.append((info, follower.log.submissions.nextNumber))
    }

    /// A connection is no longer in.
    func departed(_ info: ConnectionInfo) {
        if !unplaced.isEmpty { unplaced.removeAll { $0.info === info } }
        if !lateMembers.isEmpty { lateMembers.removeAll { $0.info === info } }
        if !repeaters.isEmpty { repeaters.removeAll { $0.info === info } }
    }

    /// Lets those in who wait.
    func becameReady() {
        isReady = true
        letIn(takeArrivals())
        let works = waiting
        waiting = []
        for work in works { work() }
    }

    /// Does something once the room is as the store has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if isReady { work() } else { waiting.append(work) }
    }

    /// Takes those out who wait to be let in since a time (loop milliseconds) or longer.
    func takeArrivals(since latest: Int = .max) -> [(info: ConnectionInfo, position: Position?, since: Int)] {
        let taken = arrivals.filter { $0.since <= latest }
        arrivals.removeAll { $0.since <= latest }
        return taken
    }

    /// Whether the room can be dropped: nobody waits for anything here.
    var isIdle: Bool { arrivals.isEmpty && waiting.isEmpty && !isWaiting }

    // MARK: Messages

    /// Takes a message to be committed; false when it can only be kept here, and too much is kept already.
    func submit(_ submission: Submission) -> Bool {
        guard let follower else { return false }
        guard follower.submit(submission, mayKeep: replication.outbox.hasRoom(for: submission)) else { return false }
        if follower.log.hasUnsent, !isListedForCommit {
            isListedForCommit = true
            table.commitLater(self)
        }
        return true
    }

    /// At the end of a turn: sends what was submitted in it.
    func commitSubmitted() {
        isListedForCommit = false
        follower?.flush()
    }

    /// Every two seconds: sees to it that the store does not forget a room that somebody is in, and looks after a lost
    /// last publication.
    func poll(isActive: Bool) {
        letInAtLast()
        if !home.room.isEmpty { follower?.refresh(at: core.loop.now) }
        if isActive || isWaiting { follower?.poll(at: core.loop.now) }
    }

    /// Own messages have no place yet.
    var isWaiting: Bool { (follower?.log.submissions.count ?? 0) > 0 }

    /// Lets those in who wait for the room to be in step, when it is.
    func letIn() {
        if isReady, !arrivals.isEmpty, follower?.log.mayLetIn == true { letIn(takeArrivals()) }
    }

    /// Lets those in who have waited for a room that does not get in step.
    private func letInAtLast() {
        guard isReady, !arrivals.isEmpty else { return }
        letIn(takeArrivals(since: core.loop.now - ReplicaDriver.patienceMilliseconds))
    }

    private func letIn(_ taken: [(info: ConnectionInfo, position: Position?, since: Int)]) {
        isImpatient = true
        for arrival in taken { home.join(arrival.info, from: arrival.position) }
        isImpatient = false
    }

    // MARK: The store

    func storeLost() {
        follower?.storeLost()
        if isReady { letIn() } else { becameReady() }
    }

    func storeReturned() { follower?.storeReturned() }

    /// Whether somebody who has seen a former history up to `position` has seen a message there.
    func wasSeen(_ body: [UInt8], upTo position: Position) -> Bool {
        follower?.log.wasSeen(body, upTo: position) ?? false
    }

    // MARK: Telling authors

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
