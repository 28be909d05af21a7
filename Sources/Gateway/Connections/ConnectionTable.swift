import Core
import NetworkIO
import Overload
import Rooms
import WireProtocol

/// The connections of one worker: hands them what homes answer, delivers rooms' batches to them, notifies them of the
/// node's tier, and closes them when the node drains.
///
/// Thread: the worker's.
final class ConnectionTable {
    let core: WorkerCore
    private let rooms: RoomTable
    /// For its HTTP requests.
    let services: WorkerServices
    let delivery: LocalDelivery<Connection>
    /// The heartbeat frame, shared by all.
    let pingFrame = FrameEncoder.frame(.ping, UnsafeRawBufferPointer(start: nil, count: 0))
    /// The configured rate, by which floods are measured at any tier.
    let floodPolicy: RatePolicy
    /// Connections that listen to the node's events.
    private var eventStreams: [Connection] = []
    /// Ticks are a quarter of a second long.
    private var tierNotices = SpreadNotices<ResourceTiers>(overTicks: 8)
    private var modeNotices = SpreadNotices<NodeMode>(overTicks: 4)
    /// Connections that the drain will close, each at a time of its own, soonest last.
    private var drainPlan: [(due: Int, key: UInt64)] = []
    @exclusivity(unchecked) private(set) var isDraining = false
    private var handshakes: PendingHandshakes
    let handshakeDigest = HandshakeDigest()

    /// - Parameter rooms: those that are at home on the same worker.
    init(_ core: WorkerCore, _ rooms: RoomTable, _ services: WorkerServices) {
        self.core = core
        self.rooms = rooms
        self.services = services
        handshakes = PendingHandshakes(workers: core.configuration.workers)
        floodPolicy = RatePolicy(perSecond: core.configuration.messagesPerSecond)
        let fanOut = FanOut<Connection>(worker: core.index)
        delivery = LocalDelivery(core) { batch, members, isTurnEnding in
            fanOut.distribute(
                batch, to: members, isTurnEnding: isTurnEnding, join: { core.scratch.join($0, $1) },
                find: { Self.findChatting($0, core.loop) })
        }
        core.loop.owner = self
    }

    /// Begins to watch an accepted connection, and owns the descriptor from now on. One that is far too many for the
    /// node, or for its address, is closed at once: false.
    func add(_ descriptor: Int32, from peer: PeerAddress) throws(SystemError) -> Bool {
        let (context, counters) = (core.context, core.counters)
        let node = context.connections.enter()
        guard node != .closed else {
            counters.refused(.nodeFull)
            Acceptor.refuse(descriptor, core.configuration.certificate == nil ? RefusalResponse.nodeFull : [])
            return false
        }
        // Whom a proxy's socket is for, its first head says.
        let client = Client(address: peer.host, isKnown: true)
        let address =
            context.configuration.trustedProxies.contains(peer.host) ? nil : context.budgets.addresses.enter(client)
        guard address != .closed else {
            context.connections.leave()
            counters.refused(.addressLimit)
            Acceptor.refuse(descriptor, [])
            return false
        }
        do throws(SystemError) {
            let connection = try Connection(descriptor: descriptor, loop: core.loop, peer: peer)
            core.logger.debug(
                "connection came", metadata: ["address": "\(client)", "key": "\(connection.key)"])
            if node == .over { connection.flags.insert(.isOverNode) }
            if let address { enter(connection, as: client, address) }
            if let certificate = core.credentials.certificate { beginHandshake(connection, certificate) }
        } catch {
            context.connections.leave()
            if address != nil { context.budgets.addresses.leave(client) }
            throw error
        }
        return true
    }

    private func beginHandshake(_ connection: Connection, _ certificate: TLSServerContext) {
        if let client = connection.rare.client, core.refusesHandshake(of: client.address) { return connection.reset() }
        connection.secure(certificate)
        let oldest = handshakes.began(connection.key) { findAny($0)?.isShakingHands ?? false }
        guard let oldest else { return }
        core.counters.refused(.handshakes)
        findAny(oldest)?.reset()
    }

    /// A handshake went on, which has taken so long.
    func shookHands(of socket: Socket, nanoseconds: Int) {
        guard let connection = socket as? Connection else { return }
        core.shookHands(nanoseconds: nanoseconds, of: connection.source.address)
    }

    /// A plain request on the port of TLS gets its answer, however much of it is still to come.
    func sawPlain(_ socket: Socket) {
        guard let connection = socket as? Connection else { return socket.reset() }
        connection.sendBytes(RefusalResponse.plain)
        connection.endInOrder()
    }

    /// The socket of a proxy is, for as long as it asks for a client, one of that client's. Says how the socket stands.
    func claim(_ connection: Connection, for call: inout HTTPCall) {
        let context = core.context
        if context.configuration.trustedProxies.contains(call.peer), connection.rare.client != call.client {
            enter(connection, as: call.client, context.budgets.addresses.enter(call.client))
        } else {
            call.hadTurn = call.isFirst && core.credentials.certificate != nil
        }
        if connection.flags.contains(.isOverAddress) {
            call.place = .addressFull
        } else if connection.flags.contains(.isOverNode) {
            call.place = .nodeFull
        }
    }

    /// The socket is one of this client's from now on.
    private func enter(_ connection: Connection, as client: Client, _ admission: AddressBook.Admission) {
        if let former = connection.rare.client { core.context.budgets.addresses.leave(former) }
        connection.flags.set(.isOverAddress, admission != .within)
        connection.rare.client = admission != .closed && core.context.budgets.addresses.counts(client) ? client : nil
    }

    // MARK: Looking up

    /// The connection, if it is still there and its close frame has not been queued: nothing may follow that one
    /// (RFC 6455 §5.5.1).
    func find(_ info: ConnectionInfo) -> Connection? { Self.findChatting(info.socketKey, core.loop) }

    private static func findChatting(_ key: UInt64, _ loop: EventLoop) -> Connection? {
        guard let connection = loop.socket(key) as? Connection, connection.isChatting else { return nil }
        return connection
    }

    /// A connection that waits for admission, and its phase.
    private func findOpening(_ key: UInt64) -> (Connection, OpeningPhase)? {
        guard let connection = findAny(key), case .opening(let opening) = connection.phase else { return nil }
        return (connection, opening)
    }

    private func findAny(_ key: UInt64) -> Connection? { core.loop.socket(key) as? Connection }

    /// The members of a room here, made if there were none.
    func openMembers(of room: Identifier) -> LocalMembers<Connection> {
        delivery.open(room, owner: rooms.find(room))
    }

    /// The rooms of each of these connections; of those of other workers, none.
    func membership(of infos: [ConnectionInfo]) -> [[Identifier]] {
        infos.map { info in info.worker == core.index ? find(info)?.memberships.rooms ?? [] : [] }
    }

    /// Has those of these connections that are here carry out an operator's order; `completion` gets once how many did.
    func obey(_ order: RoomOrder, _ infos: [ConnectionInfo], _ completion: @escaping (Int) -> Void) {
        let tally = OrderTally(completion)
        for info in infos where info.worker == core.index {
            if let connection = find(info) { ChatPhase(on: connection).received(PendingOrder(order, tally)) }
        }
    }

    // MARK: Answers of homes

    /// One that is gone has notified the home itself, behind its request.
    func received(_ notice: MemberNotice, for info: ConnectionInfo) {
        if case .readAnswer(let frame) = notice { core.reads.ended(info.socketKey, bytes: frame.length) }
        guard let connection = find(info) else { return }
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
            waitForTurn(connection)
            connection.endWait()
        case .joined, .described, .joinRefused, .positionUnknown, .leftRoom, .roomDeleted, .inboxReplayed:
            switch connection.phase {
            case .opening(let opening): opening.received(notice, on: connection)
            case .chat: ChatPhase(on: connection).received(notice)
            case .http, .events, .echo, .closing, .ended: break
            }
        }
    }

    /// Has input behind a read go on in the next turn, behind the others that wait.
    private func waitForTurn(_ connection: Connection) {
        guard let wait = connection.wait, wait.bytes.count > 0 else { return }
        wait.reasons.insert(.turn)
        connection.continueLater()
    }

    func received(_ notice: OpeningNotice, for key: UInt64) {
        switch notice {
        case .attached(let info, let session, let inbox, let replay):
            guard let (connection, opening) = findOpening(key) else {
                // It went while it was being admitted.
                return core.send(UserRequest.detach(info, atOnce: false), of: info.user)
            }
            opening.attached(info, session, inbox, replay, on: connection)
        case .refused(let reason):
            guard let connection = findAny(key) else { return }
            core.counters.refused(reason)
            connection.close(.refused(reason, retryMilliseconds: core.context.retryMilliseconds()))
        case .replaced: findAny(key)?.close(.replaced)
        case .confirm(let arrival, let time, let session):
            guard findOpening(key) != nil else { return }
            core.send(.attachConfirmed(arrival, at: time, session), of: arrival.user)
        }
    }

    // MARK: Closing

    /// At the end of a turn: closes those that let their queues grow over the limit, and those that waited for answers
    /// and have them.
    func closeDue() {
        while let socket = core.slowReaders.popLast() { (socket as? Connection).map(closeAsTooSlow) }
        while let key = core.answeredKeys.popLast() {
            guard let connection = findAny(key), connection.unansweredCount == 0 else { continue }
            connection.closeReason.map(connection.close)
        }
    }

    /// Closes connections with unsent bytes, the largest backlog first, until no more than `bytesMax` are left here.
    func closeLargestBacklogs(unsentBytesMax bytesMax: Int) {
        var backlogs: [(connection: Connection, bytes: Int)] = []
        var bytes = 0
        for case let connection as Connection in core.loop.sockets.all where connection.queuedBytes > 0 {
            bytes += connection.queuedBytes
            if connection.isChatting { backlogs.append((connection, connection.queuedBytes)) }
        }
        guard bytes > bytesMax else { return }
        backlogs.sort { $0.bytes > $1.bytes }
        for backlog in backlogs where bytes > bytesMax {
            core.counters.shed(.backlogs)
            bytes -= backlog.bytes
            closeAsTooSlow(backlog.connection)
        }
    }

    /// At the end of a turn: while the node holds too much input, closes the connection that holds most of it. Nothing
    /// more of that one is read.
    func closeLargestInputs() {
        while let key = core.input.excessive {
            core.input.holds(0, key)
            guard let connection = findAny(key) else { continue }
            core.context.budgets.input.countClosed()
            connection.decoder = WebSocketDecoder()
            connection.wait = nil
            if case .http(let http) = connection.phase {
                http.outOfMemory(on: connection)
            } else {
                connection.close(.inputFull(retryMilliseconds: core.context.retryMilliseconds()))
                if case .closing(let closing) = connection.phase { closing.failed(on: connection) }
            }
        }
    }

    /// At the end of a turn: while the node, or an address, holds too much output, closes the connection that has most.
    func closeLargestOutputs() {
        while let key = core.output.excessive {
            core.output.holds(0, key)
            guard let connection = findAny(key) else { continue }
            core.context.budgets.output.countClosed()
            if connection.isChatting { closeAsTooSlow(connection) } else { connection.reset() }
        }
    }

    /// A reader that lets its queue grow over the limit: what is queued is dropped, so that the close comes next.
    func closeAsTooSlow(_ connection: Connection) {
        guard connection.isChatting else { return }
        core.counters.slowReadersClosed.add(1)
        connection.dropQueuedFrames()
        connection.close(.tooSlow(retryMilliseconds: core.context.retryMilliseconds()))
    }

    /// Notifies every client of when it will be closed, and closes them one after the other within `duration` ms.
    func beginDraining(within duration: Int) {
        isDraining = true
        for case let connection as Connection in core.loop.sockets.all {
            guard connection.isChatting else {
                closeForDrain(connection)
                continue
            }
            let deadline = duration > 0 ? Int.random(in: 0...duration, using: &core.random) : 0
            core.writer.drain(reconnect: core.context.reconnectWindow, deadlineMilliseconds: deadline)
            connection.sendWritten()
            drainPlan.append((core.loop.now + deadline, connection.key))
        }
        drainPlan.sort { $0.due > $1.due }
    }

    /// At each tick of a drain: closes those whose time has come. True once the last connection has gone.
    func continueDraining() -> Bool {
        while let next = drainPlan.last, next.due <= core.loop.now {
            drainPlan.removeLast()
            findAny(next.key).map(closeForDrain)
        }
        return drainPlan.isEmpty && !core.loop.sockets.all.contains { $0 is Connection }
    }

    private func closeForDrain(_ connection: Connection) {
        switch connection.phase {
        case .http(let http): http.drainBegan(on: connection)
        case .events(let events): events.drainBegan(on: connection)
        case .opening, .chat, .echo, .closing, .ended:
            connection.close(.drain(retryMilliseconds: core.context.retryMilliseconds()))
        }
    }

    // MARK: The tier and the mode

    /// Another policy holds: where a `tier` frame says so, everybody is notified within two seconds.
    func policyChanged(from former: TierPolicy) {
        guard !core.load.policy.isAnnounced(as: former) || tierNotices.isSpreading else { return }
        tierNotices.changed(from: former.tiers, keys: chattingKeys())
    }

    /// The node's mode has changed: everybody is notified within a second.
    func modeChanged(from former: NodeMode) { modeNotices.changed(from: former, keys: chattingKeys()) }

    /// Those that were welcomed with what held until now; later ones are welcomed with what holds.
    private func chattingKeys() -> [UInt64] {
        core.loop.sockets.all.lazy.filter { ($0 as? Connection).map { $0.isChatting && $0.info != nil } ?? false }
            .map(\.key).shuffled(using: &core.random)
    }

    /// At each tick: notifies the next ones.
    func announceChanges() {
        for notice in tierNotices.takeDue() where !core.load.policy.isAnnounced(as: .of(notice.known)) {
            switch findAny(notice.key)?.phase {
            case .chat: findAny(notice.key)?.announceTier(previous: notice.known.highest)
            case .opening: tierNotices.putBack(notice)
            default: break
            }
        }
        let mode = core.context.mode
        for notice in modeNotices.takeDue() where notice.known != mode {
            switch findAny(notice.key)?.phase {
            case .chat:
                core.writer.mode(mode.name, previous: notice.known.name)
                findAny(notice.key)?.sendWritten()
            // Its room comes first.
            case .opening: modeNotices.putBack(notice)
            default: break
            }
        }
    }

    // MARK: Events

    func eventStreamBegan(on connection: Connection) { eventStreams.append(connection) }

    /// The connection leaves its phase; it need not be a stream of events.
    func eventStreamEnded(on connection: Connection) {
        guard case .events(let events) = connection.phase else { return }
        eventStreams.removeAll { $0 === connection }
        events.ended()
    }

    /// Sends an event to the streams of this worker.
    func publish(_ entry: EventHistory.Entry) {
        for connection in eventStreams {
            if case .events(let events) = connection.phase { events.published(entry, on: connection) }
        }
    }

    // MARK: HTTP

    /// Hands an answer to the request that it is for, if its connection still waits for it.
    func answer(_ response: HTTPResponse, to responder: Responder) {
        core.reads.ended(responder.socketKey, bytes: response.body.count)
        guard let connection = findAny(responder.socketKey), case .http(let http) = connection.phase else { return }
        waitForTurn(connection)
        http.answered(response, to: responder.request, on: connection)
    }
}
