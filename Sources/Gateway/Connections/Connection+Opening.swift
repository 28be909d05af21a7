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
        let context = worker.context
        let count = context.connectionCount.wrappingAdd(1, ordering: .relaxed).newValue
        worker.counters.connections.add(1)
        isCounted = true
        if count > context.connectionsMax { return refuse(.nodeFull) }
        guard worker.configuration.connectionsPerAddressMax != nil else { return attach(opening) }
        let (address, key, index) = (Identifier(unchecked: address.description), key, worker.index)
        worker.post(to: context.home(of: address)) { $0.admitAddress(address, for: key, of: index) }
    }

    func addressAdmitted(_ address: Identifier) {
        countedAddress = address
        if case .opening(let opening) = phase { attach(opening) }
    }

    private func attach(_ opening: Opening) {
        let arrival = Arrival(
            user: opening.user, device: opening.device, deviceType: opening.deviceType, worker: worker.index,
            socketKey: key, windowBits: windowBits)
        worker.post(to: worker.context.home(of: opening.user)) { $0.attach(arrival) }
    }

    /// The connection is one too many: it is told with a close code, because a browser hides an HTTP status.
    func refuse(_ reason: ConnectionRefusal) {
        worker.counters.refused(reason)
        switch reason {
        case .userLimit: close(.tooManyConnections, reason: CloseReason("user_limit"))
        case .addressLimit: close(.tooManyConnections, reason: CloseReason("address_limit"))
        case .nodeFull, .openFiles, .draining, .shed:
            close(
                .overCapacity,
                reason: CloseReason("node_full", retryMilliseconds: worker.context.retryMilliseconds()))
        }
    }

    /// The user's home took the connection in.
    func attached(
        _ info: ConnectionInfo, _ session: WelcomeFrame.SessionState, _ inbox: WelcomeFrame.InboxState,
        _ replay: Worker.InboxReplay
    ) {
        self.info = info
        let limits = worker.load.limits
        worker.writer.welcome(
            WelcomeFrame(
                node: worker.context.nodeID, worker: worker.index, connection: key, user: info.user,
                device: info.device, tier: worker.load.policy.tier.name, mode: worker.context.mode.name,
                heartbeatMilliseconds: limits.heartbeatMilliseconds, messageBytesMax: limits.messageBytesMax,
                messagesPerSecond: limits.rate.perSecond,
                session: session, inbox: inbox, reconnect: worker.context.reconnectWindow))
        sendWritten()
        if worker.load.policy.tier != .normal { tellTier(previous: .normal) }
        inboxReplayed(replay)
    }

    /// A part of the inbox came.
    func inboxReplayed(_ replay: Worker.InboxReplay) {
        guard case .opening(let opening) = phase, let info else { return }
        for frame in replay.frames { deliverAlone(frame) }
        wait?.replayedTo = replay.nextAfter
        guard replay.nextAfter == nil else { return continueReplayIfDrained() }
        let (room, position) = (opening.room, opening.position)
        wait?.joining = room
        worker.post(to: worker.context.home(of: room)) { $0.join(room, info, from: position) }
    }

    /// What was sent of a replay is with the kernel: asks for more.
    func continueReplay() {
        guard let info, let wait, let reached = wait.replayedTo else { return }
        wait.replayedTo = nil
        if let room = wait.joining {
            worker.post(to: worker.context.home(of: room)) { $0.continueReplay(room, info, after: reached) }
        } else {
            worker.post(to: worker.context.home(of: info.user)) { $0.continueInboxReplay(info, after: reached) }
        }
    }

    /// A part that held nothing for this device leaves nothing to be drained.
    private func continueReplayIfDrained() {
        if queuedBytes == 0 { continueReplay() }
    }
}

extension Worker {
    func attached(
        _ info: ConnectionInfo, _ session: WelcomeFrame.SessionState, _ inbox: WelcomeFrame.InboxState,
        _ replay: InboxReplay
    ) {
        guard let connection = find(info), case .opening = connection.phase else {
            // It went while it was being admitted.
            return post(to: context.home(of: info.user)) { $0.detach(info, atOnce: false) }
        }
        connection.attached(info, session, inbox, replay)
    }

    func attachRefused(_ key: UInt64, _ reason: ConnectionRefusal) {
        (loop.socket(key) as? Connection)?.refuse(reason)
    }

    /// Whether a connection still waits for its user's home.
    func isOpening(_ key: UInt64) -> Bool {
        guard let connection = loop.socket(key) as? Connection, case .opening = connection.phase else { return false }
        return true
    }

    /// The same device has come later, and is in already.
    func attachReplaced(_ key: UInt64) {
        (loop.socket(key) as? Connection)?.closeAsReplaced()
    }

    func addressAdmitted(_ address: Identifier, _ key: UInt64) {
        guard let connection = loop.socket(key) as? Connection, case .opening = connection.phase else {
            return post(to: context.home(of: address)) { $0.releaseAddress(address) }
        }
        connection.addressAdmitted(address)
    }
}
