import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// A user at its home worker: devices, session and inbox.
///
/// Thread: the home worker's.
final class UserOwner: Identifiable {
    let user: User
    /// The table that owns it, and outlives what it does.
    unowned(unsafe) let table: UserTable
    /// Set once, by `begin`.
    private(set) var sequencer = UserSequencer.local

    init(_ user: User, in table: UserTable) {
        self.user = user
        self.table = table
    }

    /// Begins to follow the cluster's log, if there is one; to be called once the user is in its table.
    func begin(_ replication: Replication?) {
        guard let replication else { return }
        let shared = ReplicatedUser(self, replication)
        sequencer = .replicated(shared)
        shared.begin()
    }

    var id: Identifier { user.id }
    var core: WorkerCore { table.core }

    /// The inbox, made at the first use.
    func openInbox() -> Inbox {
        user.openInbox(of: id, epoch: core.ids.prefix, size: core.configuration.inboxSize)
    }

    // MARK: Connections

    /// A connection wants to be one of the user's.
    func attach(_ arrival: Arrival) {
        switch sequencer {
        case .local:
            admit(arrival, at: core.loop.unixNow) {
                let session = user.openSession(
                    notBefore: core.loop.unixNow - core.configuration.sessionTTLMilliseconds)
                return WelcomeFrame.SessionState(session)
            }
        case .replicated(let shared):
            // It gets its session from the store, and its inbox behind that. One that has gone while it waited would
            // replace a later connection of its device, so it is asked whether it is still there.
            let (time, core) = (core.loop.unixNow, core)
            shared.session.ask { session in
                shared.whenReady {
                    core.send(.opening(arrival.socketKey, .confirm(arrival, at: time, session)), to: arrival.worker)
                }
            }
        }
    }

    /// Takes a connection in, or refuses it.
    /// - Parameters:
    ///   - unixTime: when it came, in Unix milliseconds.
    ///   - session: opens its session; called before it is counted.
    func admit(_ arrival: Arrival, at unixTime: Int, _ session: () -> WelcomeFrame.SessionState) {
        let elsewhere = sequencer.devicesElsewhere
        let isElsewhere = elsewhere.contains { $0.device == arrival.device }
        let isReplacing = isElsewhere || user.attendance.living.contains { $0.device == arrival.device }
        let count = user.connectionCount + elsewhere.count
        if let most = core.configuration.connectionsPerUserMax, !isReplacing, count >= most {
            return core.send(.opening(arrival.socketKey, .refused(.userLimit)), to: arrival.worker)
        }
        guard let time = sequencer.timeOfArrival(of: arrival.device, at: unixTime) else {
            return core.send(.opening(arrival.socketKey, .replaced), to: arrival.worker)
        }
        let session = session()
        let info = core.makeInfo(arrival, at: time)
        connected(info, isAnnounced: !isElsewhere)
        sequencer.devicesChanged()
        if let inbox = user.openedInbox { table.expire(inbox) }
        let inbox = WelcomeFrame.InboxState(position: inboxPosition, pending: user.openedInbox?.pendingCount ?? 0)
        core.send(
            .opening(info.socketKey, .attached(info, session, inbox, beginInboxReplay(to: info))), to: info.worker)
    }

    private var inboxPosition: Position {
        guard let log = user.openedInbox?.log else { return user.inboxPosition(of: core.ids.prefix) }
        return Position(epoch: log.epoch, seq: log.newestSeq)
    }

    /// Counts a connection; the one of the same device is replaced, the other devices hear of a new one.
    private func connected(_ info: ConnectionInfo, isAnnounced: Bool) {
        let change = user.connected(info)
        table.pushes.notWanted(by: id)
        if let replaced = change.replaced { core.send(.replaced, to: replaced) }
        if change.isNewDevice, isAnnounced {
            announce(info.device, type: info.deviceType, isOnline: true, except: info)
        }
    }

    /// A connection ended: at once for others, or with the grace.
    func detach(_ info: ConnectionInfo, atOnce: Bool) {
        user.openedInbox?.replayEnded(info)
        if atOnce {
            if user.left(info, at: core.loop.unixNow) { wentOffline([info]) }
        } else {
            let due = core.loop.now + core.configuration.presenceGraceMilliseconds
            if user.lost(info, graceEnd: due, at: core.loop.unixNow) { table.awaitReturn(of: id, until: due) }
        }
    }

    func graceEnded() { wentOffline(user.graceEnded(at: core.loop.now)) }

    private func wentOffline(_ gone: [ConnectionInfo]) {
        for info in gone where !user.attendance.entries.contains(where: { $0.info.device == info.device }) {
            guard !sequencer.isElsewhere(info.device) else { continue }
            announce(info.device, type: info.deviceType, isOnline: false)
        }
        guard !gone.isEmpty else { return }
        sequencer.devicesChanged()
        table.listIfIdle(self)
    }

    /// Tells the user's connections here that a device came or went.
    func announce(_ device: Identifier, type: String?, isOnline: Bool, except info: ConnectionInfo? = nil) {
        let others = user.attendance.living.filter { $0 !== info }
        guard !others.isEmpty else { return }
        core.writer.device(device, type: type, isOnline: isOnline)
        let frame = core.writtenFrame()
        for other in others { core.send(.frames([frame]), to: other) }
    }

    /// Closes the user's connections on this node; how many these are.
    func closeConnections() -> Int {
        let living = user.attendance.living
        for info in living { core.send(.removed, to: info) }
        return living.count
    }

    /// Closes the user's connections on all nodes; how many these are.
    func removeConnections() -> Int {
        switch sequencer {
        case .local: closeConnections()
        case .replicated(let shared): shared.removeAll()
        }
    }

    // MARK: Inbox

    private func beginInboxReplay(to info: ConnectionInfo) -> InboxReplay {
        guard let inbox = user.openedInbox else { return InboxReplay(frames: [], nextAfter: nil) }
        inbox.replayBegan(info)
        return replay(inbox, to: info, after: inbox.cursor(of: info.device))
    }

    private func replay(_ inbox: Inbox, to info: ConnectionInfo, after seq: UInt64) -> InboxReplay {
        let log = inbox.log
        var frames: [FrameSlice] = []
        if log.oldestSeq > seq + 1 {
            core.writer.gap(room: nil, epoch: log.epoch, nextSeq: log.oldestSeq, reason: GapReason.trimmed.rawValue)
            frames.append(core.writtenFrame())
        }
        let entries = log.entries(after: seq, countMax: .max, byteCountMax: core.replayBytesMax)
        for entry in entries {
            if entry.audience?.includes(device: info.device, type: info.deviceType) == false { continue }
            frames.append(entry.frame)
        }
        if let last = entries.last?.seq, last < log.newestSeq {
            return InboxReplay(frames: frames, nextAfter: last)
        }
        inbox.replayEnded(info)
        return InboxReplay(frames: frames, nextAfter: nil)
    }

    /// A connection has taken what was sent of its inbox and wants the rest.
    func continueInboxReplay(_ info: ConnectionInfo, after seq: UInt64) {
        guard let inbox = user.openedInbox, inbox.isReplaying(info) else { return }
        core.send(.inboxReplayed(replay(inbox, to: info, after: seq)), to: info)
    }

    func acknowledgeInbox(_ position: Position, by device: Identifier) {
        switch sequencer {
        case .local: user.openedInbox?.acknowledged(position, device: device)
        case .replicated(let shared): shared.acknowledged(position, by: device)
        }
    }
}

extension WelcomeFrame.SessionState {
    init(_ session: User.Session) {
        self.init(
            id: session.id, isResumed: session.isResumed, messageCount: session.messageCount,
            lastActiveAt: session.lastActiveAt)
    }
}
