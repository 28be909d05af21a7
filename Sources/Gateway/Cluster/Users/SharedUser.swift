import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// A user of a cluster, at its home on this node: the inbox that all nodes share, the devices on other nodes, and the
/// session.
///
/// Thread: the home worker's.
final class SharedUser {
    unowned let owner: UserOwner
    let replication: Replication
    private(set) var follower: ReplicaDriver?
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
    private var session = SessionState()
    /// When it was last needed, loop milliseconds.
    private(set) var usedAt: Int

    /// What this node knows of the session.
    private struct SessionState {
        var id: String?
        /// As the store last had it.
        var messageCount = 0
        var lastActiveAt: Int?
        /// How many of the user's commits the store was told of.
        var toldCommits = 0
        /// Who waits for an answer of the store.
        var asking: [Int: (Answer) -> Void] = [:]
        var nextAsking = 0
    }

    /// What a connection is told of its session.
    typealias Answer = WelcomeFrame.SessionState

    init(_ owner: UserOwner, _ replication: Replication) {
        self.owner = owner
        self.replication = replication
        keys = LogKeys(user: owner.id)
        usedAt = owner.core.loop.now
        inbox = owner.openInbox()
    }

    var user: User { owner.user }
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
        let follower = ReplicaDriver(
            questions, isStoreAway: replication.isStoreAway, pace: replication.pace, observer: self)
        let channel = LogChannel(follower, presence: self, notices: self)
        self.follower = follower
        self.channel = channel
        presence = ClusterPresence(channel, core, replication, delegate: self)
        channel.open()
        if replication.isStoreAway { becameReady() }
    }

    /// Ends it; nobody is connected and nothing waits.
    func end() {
        follower?.close()
        channel?.close()
        presence?.end()
    }

    /// Does something once the inbox is as the store has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        usedAt = core.loop.now
        if isReady, follower?.log.mayLetIn != false { work() } else { waiting.append((work, usedAt)) }
    }

    func becameReady() {
        isReady = true
        goOn(since: .max)
    }

    /// Does what waits for the inbox to be in step with its log, when it is.
    func goOn() {
        if follower?.log.mayLetIn == true { goOn(since: .max) }
    }

    /// Does what has waited since a time (loop milliseconds) or longer.
    private func goOn(since latest: Int) {
        guard isReady, !waiting.isEmpty else { return }
        let taken = waiting.filter { $0.since <= latest }
        waiting.removeAll { $0.since <= latest }
        for entry in taken { entry.work() }
    }

    /// Whether it can be dropped: nobody is connected here and nothing waits.
    var isIdle: Bool { user.attendance.isEmpty && waiting.isEmpty && session.asking.isEmpty && !isWaiting }

    /// Own messages have no place yet.
    private var isWaiting: Bool { (follower?.log.submissions.count ?? 0) > 0 }

    // MARK: Messages

    /// Takes a direct message to be committed to this inbox; false when it can only be kept here, and too much is kept
    /// already.
    func submit(_ submission: Submission) -> Bool {
        guard let follower else { return false }
        usedAt = core.loop.now
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

    /// Every two seconds: tells what was committed in the session, and looks after a lost last publication.
    func poll(isActive: Bool) {
        tellSession()
        goOn(since: core.loop.now - ReplicaDriver.patienceMilliseconds)
        if isActive || isWaiting { follower?.poll(at: core.loop.now) }
        if !user.attendance.isEmpty { follower?.refresh(at: core.loop.now) }
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

    private func remember(_ cursors: [InboxCursor]) {
        for cursor in cursors { inbox.raiseCursor(of: cursor.device, to: cursor.seq) }
    }

    // MARK: The session

    /// Asks for the session of a connection that comes; with the store away this node's own knowledge has to do.
    func askSession(_ completion: @escaping (Answer) -> Void) {
        usedAt = core.loop.now
        guard !replication.isStoreAway else { return completion(ownSession) }
        session.nextAsking += 1
        let number = session.nextAsking
        session.asking[number] = completion
        talk { [weak self] answer in
            guard let self, let completion = session.asking.removeValue(forKey: number) else { return }
            completion(answer.map(told) ?? ownSession)
        }
    }

    /// What this node can say of the session by itself.
    private var ownSession: Answer {
        let isResumed = session.id != nil
        let id = session.id ?? core.makeID(after: "s-")
        session.id = id
        return Answer(
            id: id, isResumed: isResumed, messageCount: session.messageCount + untold,
            lastActiveAt: isResumed ? max(session.lastActiveAt ?? 0, user.lastActiveAt) : nil)
    }

    private var untold: Int { user.commitCount - session.toldCommits }

    private func told(_ answer: UserSession) -> Answer {
        Answer(
            id: answer.id, isResumed: answer.isResumed, messageCount: answer.messageCount + untold,
            lastActiveAt: answer.lastActiveAt)
    }

    /// Tells the store what was committed since the last time, if there is something.
    func tellSession() {
        guard untold > 0, !replication.isStoreAway else { return }
        talk { _ in }
    }

    /// The last device has gone: from now on the session runs out.
    func sessionPaused() {
        guard !replication.isStoreAway else { return }
        talk { _ in }
    }

    private func talk(_ completion: @escaping (UserSession?) -> Void) {
        let messages = untold
        session.toldCommits += messages
        let now = core.loop.unixNow
        let news = UserSession.News(
            messages: messages, lastActiveAt: max(user.lastActiveAt, user.attendance.isEmpty ? 0 : now),
            newID: session.id ?? core.makeID(after: "s-"))
        let operation = UserSession.operation(
            keys, news, at: now, ttl: core.configuration.sessionTTLMilliseconds)
        replication.store.perform(operation) { [weak self] result in
            guard let self else { return }
            let answer = (try? result.get()).flatMap(UserSession.init)
            if let answer {
                remember(answer)
            } else {
                session.toldCommits -= messages
            }
            completion(answer)
        }
    }

    private func remember(_ answer: UserSession) {
        session.id = answer.id
        session.messageCount = answer.messageCount
        session.lastActiveAt = answer.lastActiveAt
        remember(answer.cursors)
    }

    // MARK: The store

    func storeLost() {
        follower?.storeLost()
        let asking = session.asking
        session.asking = [:]
        if isReady { goOn() } else { becameReady() }
        for completion in asking.sorted(by: { $0.key < $1.key }).map(\.value) { completion(ownSession) }
    }

    func storeReturned() {
        follower?.storeReturned()
        if session.id != nil, !user.attendance.isEmpty || untold > 0 { talk { _ in } }
    }
}
