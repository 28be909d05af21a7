import Foundations
import NetworkIO
import Rooms
import WireProtocol

// From the upgrade to the URL's room: the node's cap, the address, the user's home, the inbox, the room.
extension Connection {
    /// Switches to WebSocket and asks for admission. Input waits until the room is joined.
    func open(_ opening: Opening, wantsEcho: Bool, address: IPAddress) {
        phase = .opening(opening)
        self.wantsEcho = wantsEcho
        wait = Wait()
        beginHeartbeat()
        let context = core.context
        let count = context.connectionCount.wrappingAdd(1, ordering: .relaxed).newValue
        core.counters.connections.add(1)
        isCounted = true
        if count > context.connectionsMax { return refuse(.nodeFull) }
        guard core.configuration.connectionsPerAddressMax != nil else { return attach(opening) }
        let counted = Identifier(unchecked: address.description)
        core.send(.address(counted, .admit(key, of: core.index)), to: context.home(of: counted))
    }

    func addressAdmitted(_ address: Identifier) {
        countedAddress = address
        if case .opening(let opening) = phase { attach(opening) }
    }

    private func attach(_ opening: Opening) {
        let arrival = Arrival(
            user: opening.user, device: opening.device, deviceType: opening.deviceType, worker: core.index,
            socketKey: key, windowBits: windowBits)
        core.send(.attach(arrival), of: opening.user)
    }

    /// The connection is one too many: it is told with a close code, because a browser hides an HTTP status.
    func refuse(_ reason: ConnectionRefusal) {
        core.counters.refused(reason)
        switch reason {
        case .userLimit: close(.tooManyConnections, reason: CloseReason("user_limit"))
        case .addressLimit: close(.tooManyConnections, reason: CloseReason("address_limit"))
        case .nodeFull, .openFiles, .draining, .shed:
            close(
                .overCapacity,
                reason: CloseReason("node_full", retryMilliseconds: core.context.retryMilliseconds()))
        }
    }

    /// The user's home took the connection in.
    func attached(
        _ info: ConnectionInfo, _ session: WelcomeFrame.SessionState, _ inbox: WelcomeFrame.InboxState,
        _ replay: InboxReplay
    ) {
        self.info = info
        let limits = core.load.limits
        core.writer.welcome(
            WelcomeFrame(
                node: core.context.nodeID, worker: core.index, connection: key, user: info.user,
                device: info.device, tier: core.load.policy.tier.name, mode: core.context.mode.name,
                heartbeatMilliseconds: limits.heartbeatMilliseconds, messageBytesMax: limits.messageBytesMax,
                messagesPerSecond: limits.rate.perSecond,
                session: session, inbox: inbox, reconnect: core.context.reconnectWindow))
        sendWritten()
        if core.load.policy.tier != .normal { announceTier(previous: .normal) }
        inboxReplayed(replay)
    }

    /// A part of the inbox came.
    func inboxReplayed(_ replay: InboxReplay) {
        guard case .opening(let opening) = phase, let info else { return }
        for frame in replay.frames { deliverAlone(frame) }
        wait?.replayedTo = replay.nextAfter
        guard replay.nextAfter == nil else { return continueReplayIfDrained() }
        let (room, position) = (opening.room, opening.position)
        wait?.joining = room
        core.send(RoomRequest.join(info, from: position), of: room)
    }

    /// What was sent of a replay is with the kernel: asks for more.
    func continueReplay() {
        guard let info, let wait, let reached = wait.replayedTo else { return }
        wait.replayedTo = nil
        if let room = wait.joining {
            core.send(RoomRequest.continueReplay(info, after: reached), of: room)
        } else {
            core.send(UserRequest.continueInboxReplay(info, after: reached), of: info.user)
        }
    }

    /// A part that held nothing for this device leaves nothing to be drained.
    private func continueReplayIfDrained() {
        if queuedBytes == 0 { continueReplay() }
    }

    /// Closes a connection right behind its upgrade.
    func refuseAsShed(_ opening: Opening, retryMilliseconds: Int) {
        phase = .opening(opening)
        close(.tryAgainLater, reason: CloseReason("shed", retryMilliseconds: retryMilliseconds))
    }
}
