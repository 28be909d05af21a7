import Core
import Rooms
import WireProtocol

/// The users that are at home on one worker: finds and makes them, hands them their requests, and forgets those that
/// are away.
///
/// Thread: the worker's.
final class UserTable {
    /// Users looked at per second for their expiry, so that a large number of them never makes a long turn.
    private static let expiriesPerSecond = 10_000
    /// Users without a connection that are kept per worker for their session or their own copies; beyond, the one that
    /// is away longest goes. One for whom a message waits stays: inboxes have a budget of their own.
    private static let absentUsersMax = 100_000
    /// How long a replicated user who is not connected here is still followed.
    private static let lingerMilliseconds = 30_000

    let core: WorkerCore
    /// The cluster; nil in single mode.
    let replication: Replication?
    let publications: Publications
    let surveys: Surveys
    private(set) lazy var pushes = PushRequests(of: self)

    @exclusivity(unchecked) private var known = KnownUsers()
    /// Users that are online, those in their grace among them, for the list: each by a connection that it has, or had.
    @exclusivity(unchecked) private var online = OrderedIndex<OnlineEntry>()
    /// Users that went, the one that did so first in front.
    @exclusivity(unchecked) private var idle = TimedQueue<Identifier>()
    /// Inboxes with message ids or entries that expire.
    private var usedInboxes: ContiguousArray<Inbox> = []
    /// Users with a lost connection that may come back.
    private var graces = TimedQueue<Identifier>()
    /// Users for whose inbox somebody waits, with the time when that must end.
    private var inboxWaits = TimedQueue<Identifier>()
    @exclusivity(unchecked) private var toCommit: ContiguousArray<ReplicatedUser> = []

    init(_ core: WorkerCore, _ replication: Replication?, _ publications: Publications, _ surveys: Surveys) {
        self.core = core
        self.replication = replication
        self.publications = publications
        self.surveys = surveys
    }

    // MARK: Users

    func find(_ id: Identifier) -> UserOwner? { known.find(id) { UserOwner($0, in: self) } }

    /// The user, made if it is not there.
    func open(_ id: Identifier) -> UserOwner {
        if let owner = find(id) { return owner }
        let owner = UserOwner(User(id, number: core.makeNumber()), in: self)
        known.insert(owner)
        owner.begin(replication)
        if replication != nil { listIfIdle(owner) }
        return owner
    }

    // MARK: Who is online

    private struct OnlineEntry: Identifiable {
        let info: ConnectionInfo
        var id: Identifier { info.user }
    }

    /// The first connection of a user came that was offline.
    func cameOnline(_ info: ConnectionInfo) { online.insert(OnlineEntry(info: info)) }

    /// A user's last connection went, and its grace is over.
    func wentOffline(_ id: Identifier) { online.remove(id) }

    /// Users that are online above `cursor` by id, one more than `limit` so that it shows whether there are more.
    func describeOnline(after cursor: Identifier?, limit: Int) -> [OnlineUser] {
        let node = core.context.nodeID
        return online.elements(after: cursor, limit: limit + 1).map { entry in
            known.owner(of: entry.id)?.online ?? OnlineUser(user: entry.id, devices: 1, nodes: [node])
        }
    }

    // MARK: Requests

    func received(_ request: UserRequest, of id: Identifier) {
        switch request {
        case .attach(let arrival):
            if replication == nil, !known.contains(id) { attachFirst(arrival) } else { open(id).attach(arrival) }
        case .attachConfirmed(let arrival, let time, let session):
            // A user that was forgotten meanwhile begins anew.
            guard let owner = find(id) else { return open(id).attach(arrival) }
            owner.admit(arrival, at: time) { session }
        case .detach(let info, let atOnce): find(id)?.detach(info, atOnce: atOnce)
        case .continueInboxReplay(let info, _): find(id)?.continueInboxReplay(info)
        case .direct(let direct, let info):
            guard !core.stored.isInboxFull else { return refuseAsStoreFull(direct, from: info) }
            if let retry = refusesInbox(of: id, direct.maker) {
                direct.fields.withFields { fields in
                    core.writer.error(
                        .rateLimited, AddressLimits.makingText, id: fields.id?.text, retryMilliseconds: retry)
                }
                return core.answerWritten(info)
            }
            open(id).publish(direct, author: .connection(info))
        case .keepOwnCopy(let direct, let messageID, let time):
            open(id).keepOwnCopy(of: direct, id: messageID, at: time)
        case .submitOwnCopy(let submission): open(id).submitOwnCopy(submission)
        case .acknowledgeInbox(let position, let info): find(id)?.acknowledgeInbox(position, by: info)
        case .inboxHistory(let info, let query, let requestID):
            open(id).history(query, requestID: requestID, info)
        case .asked(let question, let responder): answer(question, of: id, responder)
        }
    }

    /// Whether an inbox can't be made, because its maker has made too many: then milliseconds until the next one.
    func refusesInbox(of id: Identifier, _ maker: Client?) -> Int? {
        guard let maker, find(id)?.user.openedInbox == nil else { return nil }
        return core.refusesMaking(by: maker)
    }

    /// A direct message is not taken, and its receiver not made for it.
    private func refuseAsStoreFull(_ direct: Direct, from info: ConnectionInfo) {
        core.counters.refused(.storeFull)
        direct.fields.withFields { fields in
            core.writer.error(
                .unavailable, StoredShare.fullText, id: fields.id?.text,
                retryMilliseconds: core.storeFullMilliseconds())
        }
        core.answerWritten(info)
    }

    /// The first connection of a user that is not known: nobody hears of it, and it misses nothing.
    private func attachFirst(_ arrival: Arrival) {
        let info = core.makeInfo(arrival, at: core.loop.unixNow)
        known.insert(first: info)
        cameOnline(info)
        core.events?.add(.online, at: info.connectedAt, user: info.user, device: info.device)
        let session = WelcomeFrame.SessionState(User.firstSession(number: info.userNumber))
        let inbox = WelcomeFrame.InboxState(
            position: Position(epoch: User.inboxEpoch(core.ids.prefix, number: info.userNumber), seq: 0), pending: 0)
        let replay = InboxReplay(frames: [], nextAfter: nil)
        core.send(.opening(info.socketKey, .attached(info, session, inbox, replay)), to: info.worker)
    }

    // MARK: Turns

    /// A user has messages for the store.
    func commitLater(_ user: ReplicatedUser) { toCommit.append(user) }

    /// At the end of a turn: sends what was submitted in it.
    func commit() {
        guard !toCommit.isEmpty else { return }
        for user in toCommit { user.commitSubmitted() }
        toCommit.removeAll(keepingCapacity: true)
    }

    // MARK: Time

    /// A user's connection was lost; it counts until `due` (loop milliseconds).
    func awaitReturn(of id: Identifier, until due: Int) { graces.append(id, at: due) }

    /// Somebody waits for a user's inbox, until `due` (loop milliseconds) at the latest.
    func awaitInbox(of id: Identifier, until due: Int) { inboxWaits.append(id, at: due) }

    /// At each tick: gives up those whose grace is over, ends waits, and sends pushes that are due.
    func ticked() {
        while let first = inboxWaits.first, first.time <= core.loop.now {
            inboxWaits.removeFirst()
            guard case .replicated(let user)? = find(first.element)?.sequencer else { continue }
            user.waitsEnd(at: first.time)
        }
        while let first = graces.first, first.time <= core.loop.fairNow {
            graces.removeFirst()
            find(first.element)?.graceEnded(at: core.loop.now)
        }
        pushes.sendDue()
    }

    /// As `RoomTable.endGraces`.
    func endGraces() {
        while let first = graces.first {
            graces.removeFirst()
            find(first.element)?.graceEnded(at: .max)
        }
    }

    /// Remembers a user that is away.
    func listIfIdle(_ owner: UserOwner) {
        guard owner.user.attendance.isEmpty, !owner.user.isListedAsIdle else { return }
        owner.user.isListedAsIdle = true
        idle.append(owner.id, at: core.loop.now)
    }

    /// Remembers that an inbox has entries or ids to forget.
    func listForExpiry(_ inbox: Inbox) {
        guard !inbox.isListedForExpiry else { return }
        inbox.isListedForExpiry = true
        usedInboxes.append(inbox)
    }

    /// Forgets what an inbox has kept for too long.
    func expire(_ inbox: Inbox) {
        inbox.expire(
            idsBefore: core.loop.now - core.configuration.dedupeWindowMilliseconds,
            entriesBefore: core.loop.now - core.configuration.inboxTTLMilliseconds)
    }

    /// Once a second: forgets users, message ids and old entries.
    func expire() {
        expireUsers()
        for inbox in usedInboxes { expire(inbox) }
        usedInboxes.removeAll { inbox in
            inbox.isListedForExpiry = !inbox.isEmpty && find(inbox.user)?.user.openedInbox === inbox
            return !inbox.isListedForExpiry
        }
    }

    /// Users that are away go when their inbox is empty and their session over.
    private func expireUsers() {
        let kept = replication == nil ? core.configuration.sessionTTLMilliseconds : Self.lingerMilliseconds
        let before = core.loop.now - kept
        for _ in 0..<Self.expiriesPerSecond {
            guard let first = idle.first, first.time <= before || idle.count > Self.absentUsersMax else { return }
            idle.removeFirst()
            guard let owner = find(first.element) else { continue }
            owner.user.isListedAsIdle = false
            guard owner.user.attendance.isEmpty else { continue }
            if !forget(owner, awaySince: before, isPressed: idle.count >= Self.absentUsersMax) { listIfIdle(owner) }
        }
    }

    /// Forgets a user who is away, if nothing speaks against it.
    private func forget(_ owner: UserOwner, awaySince before: Int, isPressed: Bool) -> Bool {
        switch owner.sequencer {
        case .local:
            if let inbox = owner.user.openedInbox { expire(inbox) }
            let leftAt = owner.user.leftAt
            let hasLeft = { (time: Int) in leftAt.map { $0 <= time } ?? true }
            // Inboxes with something in them are kept before the places of devices in empty ones.
            let isCrowded = idle.count >= Self.absentUsersMax / 2
            if isCrowded || hasLeft(core.loop.now - core.configuration.inboxTTLMilliseconds) {
                if owner.user.isForgettable { owner.user.forgetDevices() }
            }
            let isIdle = hasLeft(before) && owner.user.isForgettable && !owner.user.remembersDevices
            let mayGo = isPressed && owner.user.openedInbox?.hasPending != true
            guard mayGo || isIdle else { return false }
        case .replicated(let shared):
            guard shared.isIdle, core.loop.now - shared.usedAt >= Self.lingerMilliseconds else { return false }
            shared.end()
        }
        known.remove(owner.id)
        return true
    }

    // MARK: The cluster

    private var replicated: [ReplicatedUser] { replicated(inPart: 0, of: 1) }

    private func replicated(inPart index: Int, of count: Int) -> [ReplicatedUser] {
        known.owners(inPart: index, of: count).compactMap {
            if case .replicated(let user) = $0.sequencer { user } else { nil }
        }
    }

    func storeLost() { for user in replicated { user.storeLost() } }
    func storeReturned() { for user in replicated { user.storeReturned() } }

    /// How long ago a user must have been needed to be looked after for a lost last message.
    private static let pollWindowMilliseconds = 60_000

    /// Publishes sessions, and looks after users of whom something was heard lately; each is due every two seconds.
    /// - Parameters:
    ///   - index: one of so many parts of all users, so that a large number of them makes no long turn.
    ///   - count: the parts.
    func poll(part index: Int = 0, of count: Int = 1) {
        let since = core.loop.now - Self.pollWindowMilliseconds
        for user in replicated(inPart: index, of: count) { user.poll(isActive: user.usedAt >= since) }
    }

    /// As `RoomTable.checkPresence`.
    func checkPresence() { for user in replicated { user.presence?.check() } }

    /// A node's life has ended.
    func nodeGone(_ boot: String) { for user in replicated { user.presence?.nodeGone(boot) } }
}
