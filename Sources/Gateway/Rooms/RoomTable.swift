import Core
import NetworkIO
import Rooms
import WireProtocol

/// The rooms that are at home on one worker: finds and makes them, hands them their requests, delivers their output at
/// the end of each turn, and forgets those that nobody is in.
///
/// Thread: the worker's.
final class RoomTable {
    /// Rooms looked at per second for their expiry, so that a large number of them never makes a long turn.
    private static let expiriesPerSecond = 10_000
    /// Idle rooms that are looked at to make place for a new one, so that those that must stay never make a long turn.
    private static let evictionsTriedMax = 64
    /// How long a replicated room that nobody is in is still followed, so that one who comes back at once finds it
    /// ready.
    private static let lingerMilliseconds = 30_000

    let core: WorkerCore
    /// The cluster; nil in single mode.
    let replication: Replication?
    let publications: Publications
    let defaultSettings: RoomSettings
    private(set) lazy var notices = DeferredNotices(of: self)

    @exclusivity(unchecked) private var owners = IdentifierTable<RoomOwner>()
    /// The same rooms, for the list.
    @exclusivity(unchecked) private var order = OrderedIndex<RoomOwner>()
    /// Rooms that fell empty, the one that did so first in front.
    @exclusivity(unchecked) private var idle = TimedQueue<Identifier>()
    /// The same of operators' rooms, which stay.
    private var idleConfigured = TimedQueue<Identifier>()
    /// Users whose last connection to a room was lost, and who may come back.
    @exclusivity(unchecked) private var graces = TimedQueue<(room: Identifier, user: Identifier)>()
    /// Rooms with output in this turn; one that was flushed early may stand here twice.
    @exclusivity(unchecked) private var dirty: ContiguousArray<RoomOwner> = []
    /// Batches to be filled again.
    @exclusivity(unchecked) private var batchPool: ContiguousArray<RoomBatch> = []
    /// Rooms with messages that must be sent to the store.
    @exclusivity(unchecked) private var toCommit: ContiguousArray<ReplicatedRoom> = []

    init(_ core: WorkerCore, _ replication: Replication?, _ publications: Publications) {
        self.core = core
        self.replication = replication
        self.publications = publications
        defaultSettings = RoomSettings(historySize: core.configuration.historySize)
        listenForForkQuestions()
    }

    // MARK: Rooms

    var count: Int { owners.count }
    /// All rooms, in no order.
    var all: [RoomOwner] { owners.all }

    func find(_ id: Identifier) -> RoomOwner? { owners[id] }

    /// The room, made if it is not there; nil when the node has as many as it takes.
    func open(_ id: Identifier) -> RoomOwner? { owners[id] ?? create(id, defaultSettings, isConfigured: false) }

    /// Whether a room can't be made, because its maker has made too many: then milliseconds until the next one. A room
    /// that is there is not made.
    func refusesMaking(_ id: Identifier, _ maker: Client?) -> Int? {
        guard let maker, owners[id] == nil else { return nil }
        return core.refusesMaking(by: maker)
    }

    /// Makes a room that is not there; nil when the node has as many as it takes, and none here can go.
    /// - Parameter isConfigured: by an operator: it stays when it is empty.
    func create(_ id: Identifier, _ settings: RoomSettings, isConfigured: Bool) -> RoomOwner? {
        guard takePlace() else { return nil }
        let room = Room(
            id: id, settings: settings, isConfigured: isConfigured, epoch: core.makeID(),
            createdAt: core.loop.unixNow, at: core.loop.now, in: core.stored.messages)
        let owner = RoomOwner(room, in: self)
        owners[id] = owner
        order.insert(owner)
        owner.begin(replication)
        return owner
    }

    /// Takes a room out of the table.
    private func remove(_ owner: RoomOwner) {
        owners[owner.id] = nil
        order.remove(owner.id)
        core.context.budgets.rooms.giveBack()
    }

    /// Counts one more room of the node. When there are as many as may be, the one that is idle longest here goes for
    /// it: never an operator's, and none that somebody is in.
    private func takePlace() -> Bool {
        let cap = core.context.budgets.rooms.most
        if core.context.budgets.rooms.take() { return true }
        for _ in 0..<min(Self.evictionsTriedMax, idle.count) {
            guard let first = idle.first else { break }
            idle.removeFirst()
            guard let owner = owners[first.element] else { continue }
            owner.isListedAsIdle = false
            guard owner.isVacant else { continue }
            guard owner.sequencer.isIdle, !owner.room.isConfigured else {
                listIfIdle(owner)
                continue
            }
            owner.sequencer.end()
            remove(owner)
            if core.context.budgets.rooms.take() { return true }
        }
        core.logger.debug("no place for one more room", metadata: ["max": "\(cap)"])
        return false
    }

    /// Ends a room on this node: its members are notified, its history goes. False when there is none.
    func drop(_ id: Identifier) -> Bool {
        guard let owner = owners[id] else { return false }
        owner.flush()
        owner.sayAllLeave()
        remove(owner)
        owner.sequencer.end()
        for info in owner.room.connections { core.send(.roomDeleted(id), to: info) }
        owner.outlet?.roomEnded()
        return true
    }

    /// Rooms above `cursor` by id, one more than `limit` so that it shows whether there are more.
    func describe(after cursor: Identifier?, limit: Int) -> [RoomDescription] {
        order.elements(after: cursor, limit: limit + 1).map(\.description)
    }

    // MARK: Requests

    func received(_ message: RemoteMessage) {
        let info = message.info
        let start = core.workBegins()
        defer { if let start { core.worked(since: start, for: info) } }
        message.fields.withFields {
            if let retry = core.refusesTurn(of: info, address: nil) {
                core.writer.refusal(
                    .rateLimited, WorkerCore.noTurnText, id: $0.id?.raw, room: message.room, retryMilliseconds: retry)
                return core.answerWritten(info)
            }
            // The author's worker may know nothing of what its room costs here.
            if let retry = core.refusesTurn(in: message.room) {
                core.writer.refusal(
                    .rateLimited, WorkerCore.noRoomTurnText, id: $0.id?.raw, room: message.room,
                    retryMilliseconds: retry)
                return core.answerWritten(info)
            }
            guard let owner = open(message.room) else {
                core.writer.error(.roomLimit, core.context.budgets.rooms.fullText, id: $0.id?.text, room: message.room)
                return core.answerWritten(info)
            }
            owner.publish($0, user: info.user, device: info.device, author: .connection(info))
        }
    }

    func received(_ request: RoomRequest, of id: Identifier) {
        switch request {
        case .join(let info, let position, let maker):
            if let retry = refusesMaking(id, maker) {
                return core.send(.joinRefused(id, .tooFast(retryMilliseconds: retry)), to: info)
            }
            guard let owner = open(id) else { return core.send(.joinRefused(id, .roomLimit), to: info) }
            owner.join(info, from: position)
        case .describe(let info):
            guard let owner = owners[id] else { return core.send(.roomDeleted(id), to: info) }
            owner.describe(to: info)
        case .continueReplay(let info, let seq): owners[id]?.continueReplay(info, after: seq)
        case .leave(let info, let isAsked):
            if let owner = owners[id] { return owner.leave(info, isAsked: isAsked) }
            if isAsked { core.send(.leftRoom(id, reason: "left"), to: info) }
        case .lost(let info): owners[id]?.lost(info)
        case .typing(let info, let isTyping): owners[id]?.typing(info, isTyping)
        case .signal(let info, let body): owners[id]?.signal(info, body)
        case .read(let info, let seq): owners[id]?.read(info, upTo: seq)
        case .history(let info, let query, let requestID):
            if let owner = owners[id] { return owner.history(query, requestID: requestID, info) }
            core.writer.removeAll()
            core.writer.history(of: id, nil, query, requestID: requestID, type: "history")
            core.answerReadWritten(info)
        case .users(let info, let limit, let requestID):
            if let owner = owners[id] { return owner.users(limit: limit, requestID: requestID, info) }
            core.writer.removeAll()
            core.writer.beginObject()
            core.writer.beginUsers(requestID)
            _ = core.writer.users(of: id, nil, after: nil, limit: limit)
            core.writer.endObject()
            core.answerReadWritten(info)
        case .asked(let question, let responder):
            RoomDirectory(table: self).answer(question, of: id, responder)
        }
    }

    // MARK: Turns

    /// A batch for a room that has something to say in this turn.
    func takeBatch(for owner: RoomOwner) -> RoomBatch {
        let batch = batchPool.popLast() ?? RoomBatch(room: owner.id)
        batch.room = owner.id
        dirty.append(owner)
        return batch
    }

    /// Takes a delivered batch that nobody else refers to.
    func reuse(_ batch: RoomBatch) {
        batch.removeAll()
        batchPool.append(batch)
    }

    /// At the end of a turn: delivers all output.
    func flush() {
        var position = 0
        while position < dirty.count {
            dirty[position].flush(isTurnEnding: true)
            position += 1
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// A room has messages for the store.
    func commitLater(_ room: ReplicatedRoom) { toCommit.append(room) }

    /// At the end of a turn: sends what was submitted in it.
    func commit() {
        var position = 0
        while position < toCommit.count {
            toCommit[position].commitSubmitted()
            position += 1
        }
        toCommit.removeAll(keepingCapacity: true)
    }

    // MARK: Time

    /// A user's last connection to a room was lost.
    func awaitReturn(of user: Identifier, in owner: RoomOwner) {
        graces.append((owner.id, user), at: core.loop.now + core.configuration.presenceGraceMilliseconds)
    }

    /// At each tick: gives up those whose grace is over, and sends deferred notices.
    func ticked() {
        while let first = graces.first, first.time <= core.loop.fairNow {
            graces.removeFirst()
            owners[first.element.room]?.graceEnded(first.element.user, at: core.loop.now)
        }
        notices.flush()
    }

    /// Nobody comes back: this node alone has the rooms, and ends.
    func endGraces() {
        while let first = graces.first {
            graces.removeFirst()
            owners[first.element.room]?.graceEnded(first.element.user, at: .max)
        }
    }

    /// Remembers a room that nobody is in.
    func listIfIdle(_ owner: RoomOwner) {
        guard owner.isVacant, !owner.isListedAsIdle else { return }
        owner.isListedAsIdle = true
        if owner.room.isConfigured {
            idleConfigured.append(owner.id, at: owner.room.lastActiveAt)
        } else {
            idle.append(owner.id, at: owner.room.lastActiveAt)
        }
    }

    /// Once a second: rooms that nobody is in go HISTORY_TTL_SECONDS after their last message or visit. The store keeps
    /// what a cluster has said: of that this node only stops to follow.
    func expire() {
        for owner in takeIdle(from: &idle) + takeIdle(from: &idleConfigured) { listIfIdle(owner) }
    }

    /// Ends the rooms whose time has come; returns those that stay, to be listed again.
    private func takeIdle(from queue: inout TimedQueue<Identifier>) -> [RoomOwner] {
        let kept = replication == nil ? core.configuration.historyTTLMilliseconds : Self.lingerMilliseconds
        let before = core.loop.now - kept
        var again: [RoomOwner] = []
        for _ in 0..<Self.expiriesPerSecond {
            guard let first = queue.first, first.time <= before else { break }
            queue.removeFirst()
            guard let owner = owners[first.element] else { continue }
            owner.isListedAsIdle = false
            if owner.isVacant, stays(owner, idleSince: first.time) { again.append(owner) }
        }
        return again
    }

    /// Whether a room stays that was idle for so long; if not, it is gone.
    private func stays(_ owner: RoomOwner, idleSince: Int) -> Bool {
        if case .replicated(let shared) = owner.sequencer {
            guard shared.isIdle else { return true }
            shared.end()
            remove(owner)
            return false
        }
        // Somebody was here since; it gets its turn by that time.
        if owner.room.lastActiveAt > idleSince { return true }
        if owner.room.isConfigured {
            owner.room.forgetHistory(newEpoch: core.makeID(), at: core.loop.now)
            return true
        }
        remove(owner)
        return false
    }

    // MARK: The cluster

    private var replicated: [ReplicatedRoom] { replicated(inPart: 0, of: 1) }

    private func replicated(inPart index: Int, of count: Int) -> [ReplicatedRoom] {
        owners.part(index, of: count).compactMap {
            if case .replicated(let room) = $0.sequencer { room } else { nil }
        }
    }

    /// Answers other nodes' questions about former epochs of the rooms that are at home here.
    private func listenForForkQuestions() {
        replication?.store.subscribe(ForkQuestion.channel) { [weak self] notice in
            guard let self, case .message(let payload) = notice, let question = ForkQuestion(payload),
                question.boot != core.context.boot, core.context.home(of: question.room) == core.index
            else { return }
            guard case .replicated(let room)? = find(question.room)?.sequencer else {
                replication?.answer(question, epoch: "", FormerMap())
                return
            }
            room.forks.received(question)
        }
    }

    func storeLost() { for room in replicated { room.storeLost() } }
    func storeReturned() { for room in replicated { room.storeReturned() } }

    /// How long ago a room must have been active to be looked after for a lost last message.
    private static let pollWindowMilliseconds = 60_000

    /// Looks after rooms in which something was said lately; each is due every two seconds.
    /// - Parameters:
    ///   - index: one of so many parts of all rooms, so that a large number of them makes no long turn.
    ///   - count: the parts.
    func poll(part index: Int = 0, of count: Int = 1) {
        let since = core.loop.now - Self.pollWindowMilliseconds
        for room in replicated(inPart: index, of: count) { room.poll(isActive: room.home.room.lastActiveAt >= since) }
    }

    /// Compares what the cluster knows of who is in with what this node knows, and puts right both sides.
    func checkPresence() { for room in replicated { room.users.presence?.check() } }

    /// A node's life has ended.
    func nodeGone(_ boot: String) { for room in replicated { room.users.presence?.nodeGone(boot) } }
}
