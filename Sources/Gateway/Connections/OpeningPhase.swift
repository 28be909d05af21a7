import Core
import NetworkIO
import Rooms
import WireProtocol

/// A connection as its opening phase sees it. A test has a fake one. Thread: the worker's.
protocol OpeningTransport: RoomTransport {
    /// Names the connection among the worker's sockets.
    var key: UInt64 { get }

    func beginHeartbeat()
    /// The opening phase is over: the client's frames are taken, first those that were kept back.
    func beginChat(as info: ConnectionInfo)
}

/// A connection from its upgrade until it is in the URL's room: the user's home, the
/// inbox, the room. Input waits meanwhile, since the request.
///
/// Its connection calls it with each event and with itself as `transport`; it keeps no reference to it.
/// Thread: the worker's.
final class OpeningPhase {
    private enum Step {
        /// The user's home is asked to take the connection in.
        case user
        /// The inbox comes in parts. `reached`: the last entry that was sent, while more is left.
        case inbox(ConnectionInfo, reached: UInt64?)
        /// The room is asked, or its replay comes in parts; see `RoomTransport.joining`.
        case room(ConnectionInfo)
    }

    private let opening: Opening
    private var step = Step.user

    init(_ opening: Opening) { self.opening = opening }

    /// Who the client says it is.
    var user: Identifier { opening.user }

    /// The facts of the connection, from the answer of the user's home on.
    var info: ConnectionInfo? {
        switch step {
        case .user: nil
        case .inbox(let info, _), .room(let info): info
        }
    }

    // MARK: The node and the address

    /// The handshake was answered.
    /// - Parameters:
    ///   - place: whether the node and the client's address have room for it.
    ///   - entry: whether the load and the client's token let it in.
    func began(_ place: SocketPlace, _ entry: Upgrade.Entry, on transport: some OpeningTransport) {
        switch entry {
        case .admitted(let grant): transport.grant = grant
        case .shed(let retry): return transport.close(.shed(retryMilliseconds: retry))
        case .refused(let refusal): return transport.close(.refused(refusal))
        }
        transport.beginHeartbeat()
        let (core, context) = (transport.core, transport.core.context)
        context.connections.take()
        core.counters.connections.add(1)
        transport.isCounted = true
        if let refusal = place.refusal {
            core.counters.refused(refusal)
            return transport.close(.refused(refusal, retryMilliseconds: context.retryMilliseconds()))
        }
        attach(on: transport)
    }

    // MARK: The user

    private func attach(on transport: some OpeningTransport) {
        let arrival = Arrival(
            user: opening.user, device: opening.device, deviceType: opening.deviceType, worker: transport.core.index,
            socketKey: transport.key, windowBits: transport.windowBits)
        transport.core.send(.attach(arrival), of: opening.user)
    }

    /// The user's home took the connection in.
    func attached(
        _ info: ConnectionInfo, _ session: WelcomeFrame.SessionState, _ inbox: WelcomeFrame.InboxState,
        _ replay: InboxReplay, on transport: some OpeningTransport
    ) {
        step = .inbox(info, reached: nil)
        let core = transport.core
        let limits = core.load.limits
        core.writer.welcome(
            WelcomeFrame(
                node: core.context.nodeID, worker: core.index, connection: transport.key, user: info.user,
                device: info.device, tier: core.load.policy.tier.name, mode: core.context.mode.name,
                heartbeatMilliseconds: limits.heartbeatMilliseconds, messageBytesMax: limits.messageBytesMax,
                messagesPerSecond: limits.rate.perSecond,
                session: session, inbox: inbox, reconnect: core.context.reconnectWindow,
                tokenExpiresAt: transport.grant?.claims.expiresAt))
        transport.sendWritten()
        if core.load.policy.tier != .normal { transport.announceTier(previous: .normal) }
        inboxReplayed(replay, on: transport)
    }

    private func inboxReplayed(_ replay: InboxReplay, on transport: some OpeningTransport) {
        guard let info else { return }
        for frame in replay.frames { transport.deliverAlone(frame) }
        step = .inbox(info, reached: replay.nextAfter)
        guard replay.nextAfter == nil else {
            // A part that held nothing for this device leaves nothing to be drained.
            if transport.queuedBytes == 0 { drained(on: transport) }
            return
        }
        step = .room(info)
        transport.joining = Joining(room: opening.room)
        transport.core.send(RoomRequest.join(info, from: opening.position, maker: transport.source), of: opening.room)
    }

    /// All that was queued is with the kernel: asks for more of a replay.
    func drained(on transport: some OpeningTransport) {
        switch step {
        case .inbox(let info, let reached?):
            step = .inbox(info, reached: nil)
            transport.core.send(UserRequest.continueInboxReplay(info, after: reached), of: info.user)
        case .room: transport.continueRoomReplay()
        case .user, .inbox(_, nil): break
        }
    }

    // MARK: The room

    /// A home has answered.
    func received(_ notice: MemberNotice, on transport: some OpeningTransport) {
        switch notice {
        case .inboxReplayed(let replay): inboxReplayed(replay, on: transport)
        case .joined(let room, let frames, let isLive, let reached):
            guard let info, transport.joining?.room == room else { return }
            for frame in frames { transport.deliverAlone(frame) }
            guard isLive else {
                transport.joining?.replayedTo = reached
                return
            }
            transport.joining = nil
            transport.enter(room, isURLRoom: true)
            transport.beginChat(as: info)
        case .joinRefused(let room, let refusal):
            guard transport.joining?.room == room else { return }
            transport.joining = nil
            transport.sendRefusal(refusal, of: room)
            let usual = transport.core.context.retryMilliseconds()
            if case .tooFast(let retry) = refusal {
                transport.close(.shed(retryMilliseconds: retry + usual))
            } else {
                transport.close(.roomFull(retryMilliseconds: usual))
            }
        case .positionUnknown(let room):
            guard opening.isLetInToResume, transport.joining?.room == room else { return }
            // It is new, whatever it says, and nobody new is let in.
            transport.core.counters.shed(.connections)
            transport.core.counters.refused(.shed)
            transport.close(.shed(retryMilliseconds: transport.core.suspensionMilliseconds()))
        case .roomDeleted(let room):
            transport.core.writer.leftRoom(room, reason: "deleted")
            transport.sendWritten()
            transport.close(.removed("room_deleted"))
        case .described, .leftRoom, .frames, .answer, .readAnswer, .replay, .replaced, .removed: break
        }
    }
}
