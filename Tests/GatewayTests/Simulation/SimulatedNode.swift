import ClusterState
import Core
import Logging
import NetworkIO
import Rooms
import WireProtocol

@testable import Gateway

/// A node of the simulation: one worker's real rooms and users, without a loop and without sockets. Its clock is the
/// simulation's.
final class SimulatedNode: WorkerMessageReceiver, ReplicationOwner {
    private static let settings = [
        "WORKERS": "1", "MAX_CONNECTIONS_PER_IP": "off", "MESSAGES_PER_SECOND": "1000000", "SEND_QUEUE_BYTES": "4096",
    ]
    private static let configuration = Result {
        try Configuration.load(environment: settings, dotEnv: nil, cores: 1)
    }
    private static let tickMilliseconds = 250

    let number: Int
    let core: WorkerCore
    let link: SimulatedLink
    let replication: Replication
    let rooms: RoomTable
    let users: UserTable
    private(set) var connections: [SimulatedConnection] = []
    private(set) lazy var delivery = LocalDelivery<SimulatedConnection>(core, find: { [unowned self] in find($0) })
    /// It does nothing until then, simulated milliseconds.
    var frozenUntil = 0
    /// When its next tick is due.
    private var tickAt: Int
    private var ticks = 0
    /// When the store, which refused something, is found to be back; nil while nothing is wrong.
    private(set) var storeBackAt: Int?

    init(_ number: Int, link: SimulatedLink, at now: Int) throws {
        (self.number, self.link, tickAt) = (number, link, now + 40 * number)
        let context = NodeContext(
            configuration: try Self.configuration.get(), nodeID: "n\(number)", port: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 1000, openFilesMax: 1024,
            startedAt: 0)
        let core = try WorkerCore(index: 0, context: context, at: now)
        core.loop.pretend(Self.moment(now))
        core.ids = IDGenerator(prefix: "n\(number)")
        core.random = FastRandom(seed: UInt64(number + 1))
        self.core = core
        replication = try Replication(core, link)
        let (publications, surveys) = (Publications(core), Surveys(core))
        rooms = RoomTable(core, replication, publications)
        users = UserTable(core, replication, publications, surveys)
        core.receiver = self
        replication.owner = self
    }

    /// Each knows of the others, as after their beats.
    static func introduce(_ nodes: [SimulatedNode]) {
        for node in nodes {
            node.replication.nodesChanged(
                nodes.filter { $0 !== node }.map { other in
                    NodeRecord(
                        node: "n\(other.number)", boot: other.core.context.boot, address: "", state: .up, startedAt: 0,
                        connections: 0, tier: "normal", lastSeenAt: 0)
                })
        }
    }

    private static func moment(_ now: Int) -> Moment { Moment(now: now, unix: 1_700_000_000_000 + now) }

    // MARK: Time

    /// - Parameter now: simulated milliseconds.
    func timePassed(to now: Int) {
        guard frozenUntil <= now else { return }
        core.loop.pretend(Self.moment(now))
        if let back = storeBackAt, back <= now { storeCameBack() }
        guard tickAt <= now else { return }
        tickAt = now + Self.tickMilliseconds
        tick()
        endTurn()
    }

    /// As `Worker.loopTicked`.
    private func tick() {
        ticks += 1
        replication.ticked()
        rooms.ticked()
        users.ticked()
        if ticks % 4 == 0 {
            rooms.expire()
            users.expire()
        }
        if !replication.isStoreAway, ticks % 8 == 0 {
            users.poll()
            rooms.poll()
        }
    }

    /// A turn of its loop is over.
    func endTurn() {
        core.continueReads()
        rooms.commit()
        users.commit()
        rooms.flush()
        replication.pace.pump()
        core.loop.scratch.recycle()
    }

    // MARK: The store

    /// The store refused something in a way that says that it is away, or its connection broke.
    func storeWentAway(until time: Int) {
        storeBackAt = max(storeBackAt ?? 0, time)
        replication.storeLost()
    }

    /// The connection broke so shortly that nobody was notified.
    func storeBlinked(until time: Int) { storeBackAt = max(storeBackAt ?? 0, time) }

    private func storeCameBack() {
        storeBackAt = nil
        link.reconnect()
        replication.storeReturned()
        endTurn()
    }

    func storeLost() {
        rooms.storeLost()
        users.storeLost()
    }

    func storeReturned() {
        rooms.storeReturned()
        users.storeReturned()
    }

    // MARK: Connections

    private func find(_ key: UInt64) -> SimulatedConnection? { connections.first { $0.key == key && $0.isOpen } }

    func accepted(_ connection: SimulatedConnection) { connections.append(connection) }

    /// The simulation is over: lets go of all that would keep the node, and so its descriptors.
    func end() {
        for connection in connections { connection.leaveEverything(atOnce: true) }
        connections = []
        link.disconnect(running: 0)
        for room in rooms.all { _ = rooms.drop(room.id) }
        replication.stop()
    }

    func ended(_ connection: SimulatedConnection) {
        core.reads.ended(connection.key)
        connections.removeAll { $0 === connection }
    }

    func received(_ message: WorkerMessage) {
        switch message {
        case .publish(let message): rooms.received(message)
        case .deliver(let batch): delivery.deliver(batch)
        case .room(let id, let request): rooms.received(request, of: id)
        case .user(let id, let request): users.received(request, of: id)
        case .member(let info, let notice): received(notice, for: info)
        case .opening(let key, let notice): received(notice, for: key)
        default: break
        }
    }

    /// As `ConnectionTable.received`.
    private func received(_ notice: MemberNotice, for info: ConnectionInfo) {
        if case .readAnswer(let frame) = notice { core.reads.ended(info.socketKey, bytes: frame.length) }
        guard let connection = find(info.socketKey) else { return }
        switch notice {
        case .frames(let frames): for frame in frames { connection.deliverAlone(frame) }
        case .answer(let frame):
            connection.deliverAlone(frame)
            connection.answered()
        case .replay(let replay): connection.deliver(replay)
        case .replaced: connection.close(.replaced)
        case .removed: connection.close(.removed("removed"))
        case .readAnswer(let frame):
            connection.deliverAlone(frame)
            connection.endWait()
        case .joined, .described, .joinRefused, .positionUnknown, .leftRoom, .roomDeleted, .inboxReplayed:
            connection.received(notice)
        }
    }

    private func received(_ notice: OpeningNotice, for key: UInt64) {
        let opening = find(key).flatMap { connection in connection.opening.map { (connection, $0) } }
        switch notice {
        case .attached(let info, let session, let inbox, let replay):
            guard let (connection, opening) = opening else {
                return core.send(UserRequest.detach(info, atOnce: false), of: info.user)
            }
            opening.attached(info, session, inbox, replay, on: connection)
        case .replaced: find(key)?.close(.replaced)
        case .confirm(let arrival, let time, let session):
            guard opening != nil else { return }
            core.send(.attachConfirmed(arrival, at: time, session), of: arrival.user)
        case .refused(let refusal): find(key)?.close(.refused(refusal, retryMilliseconds: 1))
        }
    }
}

/// A connection of a simulated client: its frames wait on both ways, and it goes through the real phases.
final class SimulatedConnection: OpeningTransport, ChatTransport {
    private enum Phase {
        case opening(OpeningPhase)
        case chat(ConnectionInfo)
        /// Nothing more is said; what was said before is still on its way.
        case ended
    }

    unowned let node: SimulatedNode
    let key: UInt64
    private var phase: Phase
    /// Frames on their way to the client.
    private var output: [[UInt8]] = []
    /// Frames on their way to the node.
    private var input: [[UInt8]] = []
    var wait: KeptInput? = KeptInput(for: .answer, at: 0)
    /// The client has gone, and the node does not know yet.
    private(set) var isSevered = false

    var core: WorkerCore { node.core }
    var delivery: LocalDelivery<SimulatedConnection> { node.delivery }
    var info: ConnectionInfo? {
        switch phase {
        case .opening(let opening): opening.info
        case .chat(let info): info
        case .ended: nil
        }
    }
    var windowBits: Int { 0 }
    var memberships = RoomMemberships<SimulatedConnection>()
    var isCounted = false
    var badFrames: UInt8 = 0
    var rate = RateLimiter()
    var unansweredCount: UInt32 = 0
    let closeReason: CloseReason? = nil
    var grant: TokenGrant?
    private(set) var wasAnsweredTwice = false
    var upkeep = Upkeep()
    let source = Client.own
    let wantsEcho: Bool
    var isDeflateAgreed: Bool { false }
    var firstCut: Int32 = -1
    var queuedBytes: Int { output.reduce(0) { $0 + $1.count } }

    init(_ node: SimulatedNode, key: UInt64, _ opening: Opening, wantsEcho: Bool) {
        (self.node, self.key, self.wantsEcho) = (node, key, wantsEcho)
        phase = .opening(OpeningPhase(opening))
    }

    func begin() {
        node.accepted(self)
        opening?.began(.within, .admitted(nil), on: self)
    }

    var opening: OpeningPhase? { if case .opening(let opening) = phase { opening } else { nil } }
    var isOpen: Bool { if case .ended = phase { false } else { true } }
    /// Nothing more comes to the client.
    var isOver: Bool { !isOpen && output.isEmpty }

    // MARK: The ways

    var hasInput: Bool { isOpen && wait == nil && !input.isEmpty || isSevered && isOpen }
    var hasOutput: Bool { !output.isEmpty }

    /// The client sends a frame.
    func send(_ text: String) { input.append(Array(text.utf8)) }

    /// The node takes the next that comes from the client: a frame, or that it has gone.
    func takeInput() {
        guard isOpen else { return }
        if isSevered, input.isEmpty || wait != nil { return lost() }
        guard wait == nil, !input.isEmpty else { return }
        input.removeFirst().withUnsafeBytes { ChatPhase(on: self).received($0) }
    }

    /// The client takes the next frame.
    func takeOutput() -> [UInt8]? {
        guard !output.isEmpty else { return nil }
        let frame = output.removeFirst()
        if output.isEmpty { drained() }
        return frame
    }

    private func drained() {
        guard wait != nil else { return }
        switch phase {
        case .opening(let opening): opening.drained(on: self)
        case .chat: continueRoomReplay()
        case .ended: break
        }
    }

    /// The client goes without a word.
    /// - Parameter sent: how many of its frames still arrive.
    func sever(arriving sent: Int) {
        isSevered = true
        input.removeLast(max(input.count - sent, 0))
        output = []
        drained()
        if !isOpen { node.ended(self) }
    }

    private func lost() {
        leaveEverything(atOnce: false)
        phase = .ended
        node.ended(self)
    }

    // MARK: Transport

    func deliver(_ slice: FrameSlice) {
        guard isOpen, !isSevered else { return }
        var rest = slice
        while rest.length > 0 {
            let frame = rest.firstFrame
            output.append(Array(frame.payload))
            rest.offset += frame.length
            rest.length -= frame.length
        }
    }

    func deliverLast(_ frame: FrameSlice) { deliver(frame) }
    func answered() {
        guard unansweredCount > 0 else { return wasAnsweredTwice = true }
        unansweredCount -= 1
    }
    func isMember(of members: LocalMembers<SimulatedConnection>) -> Bool { memberships.contains(members) }
    func moved(in members: LocalMembers<SimulatedConnection>, to index: Int) {
        memberships.moved(in: members, to: index)
    }
    func openMembers(of room: Identifier) -> LocalMembers<SimulatedConnection> {
        delivery.open(room, owner: node.rooms.find(room))
    }
    func beginWait() { wait = KeptInput(for: .answer, at: 0) }
    func endWait() { wait = nil }
    func beginHeartbeat() {}
    func beginChat(as info: ConnectionInfo) {
        phase = .chat(info)
        endWait()
    }
    func schedule(at time: Int) {}
    func countRefusal() -> Bool { false }

    func close(_ reason: CloseReason) {
        guard isOpen else { return }
        leaveEverything(atOnce: reason.leavesAtOnce)
        phase = .ended
        node.ended(self)
    }

    func received(_ notice: MemberNotice) {
        switch phase {
        case .opening(let opening): opening.received(notice, on: self)
        case .chat: ChatPhase(on: self).received(notice)
        case .ended: break
        }
    }
}
