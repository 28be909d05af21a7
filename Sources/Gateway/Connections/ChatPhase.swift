import Core
import Overload
import Rooms
import WireProtocol

/// A connection in rooms, as its chat phase sees it. A test has a fake one.
///
/// Thread: the worker's.
protocol ChatTransport: RoomTransport {
    /// Bad frames in a row.
    var badFrames: UInt8 { get set }
    var rate: RateLimiter { get set }
    var upkeep: Upkeep { get set }

    /// Has the connection's timer fire at that time (loop milliseconds), and look at everything that has a time.
    func schedule(at time: Int)
    /// Counts a refused frame; true when it makes a flood.
    func countRefusal() -> Bool
}

/// The chat phase of a connection: each frame of the client is checked, counted against its rate and the present load,
/// and sent to the home that it is for.
///
/// It has no state of its own: what it keeps of a connection lies in the connection, which stays small so. It stands in
/// one module with its transport, for which it is compiled. Thread: the worker's.
struct ChatPhase<Transport: ChatTransport> {
    /// Bad frames in a row that close the connection.
    private static var badFramesMax: UInt8 { 20 }

    let transport: Transport
    /// The worker's, which the transport finds by some steps.
    let core: WorkerCore

    @inline(__always)
    init(on transport: Transport) {
        self.transport = transport
        core = transport.core
    }

    /// Takes one message of the client.
    func received(_ text: UnsafeRawBufferPointer) {
        guard let info = transport.info else { return }
        core.counters.messagesIn.add(1)
        // Handed on from here and not kept in a variable: a frame is large to copy.
        switch ClientFrame.parse(text) {
        case .failure(let fault): refuse(fault)
        case .success(let frame): received(frame, info)
        }
    }

    private func received(_ frame: ClientFrame, _ info: ConnectionInfo) {
        transport.badFrames = 0
        if core.isTracing {
            core.logger.trace("frame", metadata: ["type": "\(frame.body.name)", "user": "\(info.user.text)"])
        }
        guard takeToken(frame) else { return }
        guard admits(frame, of: info) else { return }
        switch frame.body {
        case .message(let fields): publish(fields, frame, info)
        case .direct(let to, let fields, let deviceType): direct(to, fields, deviceType?.text, info)
        case .typing(let isTyping): write(frame, .typing(info, isTyping: isTyping))
        case .signal(let fields): write(frame, .signal(info, SignalBody(fields)))
        case .read(let seq): write(frame, .read(info, upTo: seq))
        case .history(let query):
            let limit = readLimit(query.limit, .history)
            let allowed = HistoryQuery(anchor: query.anchor, limit: limit, isOfInbox: query.isOfInbox)
            guard !query.isOfInbox else {
                let request = UserRequest.inboxHistory(info, allowed, requestID: frame.id?.text)
                transport.beginWait()
                return core.read(
                    by: info.socketKey, of: transport.source.address, bytesMax: historyBytesMax(of: limit)
                ) { [core] in
                    core.send(request, of: info.user)
                }
            }
            let request = RoomRequest.history(info, allowed, requestID: frame.id?.text)
            read(frame, request, bytesMax: historyBytesMax(of: limit), info)
        case .users:
            let limit = readLimit(RoomOwner.usersPerFrameMax, .users)
            let request = RoomRequest.users(info, limit: limit, requestID: frame.id?.text)
            read(frame, request, bytesMax: RoomOwner.usersBytesMax, info)
        case .join(let room, let position): if mayEnter(room, frame) { join(room, from: position) }
        case .leave(let room): leave(room)
        case .inboxAck(let position):
            core.send(.acknowledgeInbox(position, info), of: info.user)
        case .token(let token): renew(token, frame, info)
        case .ping(let t):
            core.writer.pong(t: t, time: core.loop.unixNow)
            transport.sendWritten()
        }
    }

    private func refuse(_ fault: ClientFrameFault) {
        let decision = transport.upkeep.take(at: core.loop.now, policy: core.load.limits.rate)
        guard isAllowed(decision, id: fault.id, room: nil) else { return }
        core.counters.refused(.badFrame)
        transport.sendError(fault.code, fault.message, id: fault.id)
        transport.badFrames += 1
        if transport.badFrames == Self.badFramesMax { transport.close(.badFrames) }
    }

    /// Takes a token from the frame's bucket; when there is none, says so, and ends a flood.
    private func takeToken(_ frame: ClientFrame) -> Bool {
        let policy = core.load.limits.rate
        let decision =
            frame.body.takesToken
            ? transport.rate.take(now: core.loop.now * 1_000_000, policy: policy)
            : transport.upkeep.take(at: core.loop.now, policy: policy)
        if case .allowed = decision { return true }
        return isAllowed(decision, id: frame.id?.text, room: frame.room)
    }

    /// Whether a bucket had a token.
    private func isAllowed(_ decision: RateLimiter.Decision, id: String?, room: Identifier?) -> Bool {
        guard case .refused(let retryMilliseconds) = decision else { return true }
        core.counters.refused(.rateLimited)
        transport.sendError(
            .rateLimited, "more than \(core.load.limits.rate.perSecond) frames per second", id: id, room: room,
            retryMilliseconds: retryMilliseconds)
        if transport.countRefusal() {
            transport.close(.flooding(retryMilliseconds: core.context.retryMilliseconds()))
        }
        return false
    }

    private func publish(_ fields: MessageFields, _ frame: ClientFrame, _ info: ConnectionInfo) {
        guard let members = transport.memberships.target(frame.room) else { return refuseOutside(frame) }
        guard mayWrite(into: members.room, frame) else { return }
        transport.unansweredCount += 1
        if let owner = members.owner {
            owner.publish(fields, user: info.user, device: info.device, author: .connection(info))
        } else {
            let message = RemoteMessage(room: members.room, info: info, fields: OwnedMessageFields(fields))
            core.send(.publish(message), to: members.home)
        }
    }

    private func direct(
        _ receiver: Identifier, _ fields: MessageFields, _ deviceType: String?, _ info: ConnectionInfo
    ) {
        let direct = Direct(
            from: info.user, to: receiver, sender: info, deviceType: deviceType, fields: OwnedMessageFields(fields),
            maker: transport.source)
        transport.unansweredCount += 1
        core.send(.direct(direct, from: info), of: receiver)
    }

    /// Has the home of the room that a frame means show something to the others there.
    private func write(_ frame: ClientFrame, _ request: @autoclosure () -> RoomRequest) {
        guard let members = transport.memberships.target(frame.room) else { return refuseOutside(frame) }
        guard mayWrite(into: members.room, frame) else { return }
        core.send(.room(members.room, request()), to: members.home)
    }

    /// Asks for an answer that may be large: input waits for it, so that a connection has one of them under way.
    private func read(_ frame: ClientFrame, _ request: RoomRequest, bytesMax: Int, _ info: ConnectionInfo) {
        guard let members = transport.memberships.target(frame.room) else { return refuseOutside(frame) }
        let (room, home) = (members.room, members.home)
        transport.beginWait()
        core.read(by: info.socketKey, of: transport.source.address, bytesMax: bytesMax) { [core] in
            core.send(.room(room, request), to: home)
        }
    }

    private func historyBytesMax(of limit: Int) -> Int {
        min(
            HistoryPage.frameBytesMax(core),
            HistoryPage.bytesMax(of: limit, messageBytesMax: core.configuration.messageBytesMax))
    }

    private func refuseOutside(_ frame: ClientFrame) {
        core.counters.refused(.notInRoom)
        transport.sendError(
            .notInRoom, "this connection is not in that room; \"join\" it first", id: frame.id?.text,
            room: frame.room)
    }

    // MARK: Load

    private func readLimit(_ wanted: Int, _ kind: ShedKind) -> Int {
        core.load.readLimit(wanted, kind, core.counters)
    }

    /// Whether a frame is taken; if not, its sender gets an error.
    @inline(__always)
    func admits(_ frame: ClientFrame, of info: ConnectionInfo) -> Bool {
        guard let priority = frame.body.priority else { return true }
        // Who has more than its share bears it before anything is taken from all.
        if core.load.controller.turns.isLimiting,
            let retry = core.refusesTurn(of: info, address: transport.source.address)
        {
            refuse(frame, .rateLimited, WorkerCore.noTurnText, retryMilliseconds: retry)
            return false
        }
        if core.load.controller.turns.isLimiting, let retry = refusesRoom(frame) {
            refuse(frame, .rateLimited, WorkerCore.noRoomTurnText, retryMilliseconds: retry)
            return false
        }
        if core.load.isTooLate(for: priority) || !core.load.controller.admission.admits(priority) {
            shed(frame, priority)
            return false
        }
        return core.load.limits.isNormal || isAllowedByTier(frame)
    }

    /// Whether the room bears the load first that a frame has something to say in; milliseconds until the next try.
    private func refusesRoom(_ frame: ClientFrame) -> Int? {
        switch frame.body {
        case .message, .typing, .signal, .read: break
        default: return nil
        }
        return transport.memberships.target(frame.room).flatMap { core.refusesTurn(in: $0.room) }
    }

    private func isAllowedByTier(_ frame: ClientFrame) -> Bool {
        let policy = core.load.policy
        switch frame.body {
        case .typing where policy.typing == .off: refuseSuspended(frame, .typing, "typing is suspended")
        case .signal where policy.typing == .off:
            refuseSuspended(frame, .typing, "signals are suspended, as typing is")
        case .history where policy.readsMax == nil:
            refuseSuspended(frame, .history, "reading history is suspended; a position is still resumed from")
        case .users where policy.readsMax == nil: refuseSuspended(frame, .users, "reading users is suspended")
        case .message(let fields) where fields.content.count > core.load.limits.messageBytesMax:
            refuseTooLarge(frame)
        case .direct(_, let fields, _) where fields.content.count > core.load.limits.messageBytesMax:
            refuseTooLarge(frame)
        case .signal(let fields) where fields.data?.count ?? 0 > core.load.limits.messageBytesMax:
            refuseTooLarge(frame)
        default: return true
        }
        return false
    }

    private func refuseSuspended(_ frame: ClientFrame, _ kind: ShedKind, _ message: StaticString) {
        core.counters.shed(kind)
        refuse(frame, .featureSuspended, message, retryMilliseconds: core.suspensionMilliseconds())
    }

    private func refuseTooLarge(_ frame: ClientFrame) {
        core.counters.shed(.largeMessages)
        let most = core.load.limits.messageBytesMax
        transport.sendError(
            .tooLarge, "the node takes messages of at most \(most) bytes at present", id: frame.id?.text,
            room: frame.room)
    }

    /// The inner controller does not take the frame.
    private func shed(_ frame: ClientFrame, _ priority: Admission.Priority) {
        core.counters.shed(priority.shedKind(of: frame.body))
        switch priority {
        case .typing, .readMarks: return
        case .reads, .joins, .messages, .directs: break
        }
        let retry = core.load.controller.retryMilliseconds(after: priority, using: &core.random)
        refuse(frame, .unavailable, LoadControl.tooMuchText, retryMilliseconds: retry)
    }

    private func refuse(
        _ frame: ClientFrame, _ code: ErrorCode, _ message: StaticString, retryMilliseconds: Int
    ) {
        core.writer.refusal(
            code, message, id: frame.id?.raw, room: frame.room, retryMilliseconds: retryMilliseconds)
        transport.sendWritten()
    }
}

extension ClientFrame.Body {
    /// Its `type`.
    fileprivate var name: StaticString {
        switch self {
        case .message: "message"
        case .direct: "direct"
        case .typing: "typing"
        case .signal: "signal"
        case .read: "read"
        case .history: "history"
        case .users: "users"
        case .join: "join"
        case .leave: "leave"
        case .inboxAck: "inbox_ack"
        case .token: "token"
        case .ping: "ping"
        }
    }

    /// Its rank among frames that are shed under load; nil: it is never shed.
    @inline(__always)
    fileprivate var priority: Admission.Priority? {
        switch self {
        case .message: .messages
        case .direct: .directs
        case .typing, .signal: .typing
        case .read: .readMarks
        case .history, .users: .reads
        case .join(_, nil): .joins
        case .join, .leave, .inboxAck, .token, .ping: nil
        }
    }
}

extension Admission.Priority {
    fileprivate func shedKind(of body: ClientFrame.Body) -> ShedKind {
        switch self {
        case .typing: .typing
        case .readMarks: .readMarks
        case .reads: if case .users = body { .users } else { .history }
        case .joins: .joins
        case .messages: .messages
        case .directs: .directs
        }
    }
}
