import ClusterState
import Core
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
    @exclusivity(unchecked) private(set) var sequencer = UserSequencer.local

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

    // MARK: Connections

    /// A connection wants to be one of the user's.
    func attach(_ arrival: Arrival) {
        switch sequencer {
        case .local:
            admit(arrival, at: core.loop.unixNow) {
                let session = user.openSession(
                    notBefore: core.loop.now - core.configuration.sessionTTLMilliseconds)
                return WelcomeFrame.SessionState(session)
            }
        case .replicated(let shared): shared.attach(arrival)
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
        let isFirst = user.attendance.isEmpty
        connected(info, isAnnounced: !isElsewhere)
        devicesChanged(isFirst ? true : nil, device: info.device)
        if let inbox = user.openedInbox { table.expire(inbox) }
        let inbox = WelcomeFrame.InboxState(position: inboxPosition, pending: inboxPending)
        let replay = beginInboxReplay(to: info, from: arrival.start)
        core.send(.opening(info.socketKey, .attached(info, session, inbox, replay)), to: info.worker)
        // It may need only to ask for the cursor once more.
        sequencer.placeConnections()
    }

    /// Counts a connection; the one of the same device is replaced, the other devices hear of a new one.
    private func connected(_ info: ConnectionInfo, isAnnounced: Bool) {
        if user.attendance.isEmpty { table.cameOnline(info) }
        let change = user.connected(info, at: core.loop.now)
        table.pushes.notWanted(by: id)
        if let replaced = change.replaced { core.send(.replaced, to: replaced) }
        if change.isNewDevice, isAnnounced {
            announce(info.device, type: info.deviceType, isOnline: true, except: info)
        }
    }

    /// A connection ended: at once for others, or with the grace.
    func detach(_ info: ConnectionInfo, atOnce: Bool) {
        user.openedInbox?[info] = nil
        if atOnce {
            if user.left(info, at: core.loop.moment) { wentOffline([info]) }
        } else {
            let due = core.loop.now + core.configuration.presenceGraceMilliseconds
            if user.lost(info, graceEnd: due, at: core.loop.moment) { table.awaitReturn(of: id, until: due) }
        }
    }

    /// - Parameter now: loop milliseconds.
    func graceEnded(at now: Int) { wentOffline(user.graceEnded(at: now)) }

    private func wentOffline(_ gone: [ConnectionInfo]) {
        for info in gone where !user.attendance.entries.contains(where: { $0.info.device == info.device }) {
            guard !sequencer.isElsewhere(info.device) else { continue }
            announce(info.device, type: info.deviceType, isOnline: false)
        }
        guard !gone.isEmpty else { return }
        if user.attendance.isEmpty { table.wentOffline(id) }
        devicesChanged(user.attendance.isEmpty ? false : nil)
        table.listIfIdle(self)
    }

    /// Connections are others than before: other nodes are notified, and so is the operator's server if the user came
    /// or went.
    /// - Parameter isOnline: set when that has changed, as far as this node knows.
    private func devicesChanged(_ isOnline: Bool?, device: Identifier? = nil) {
        guard let events = core.events, let isOnline else { return sequencer.devicesChanged(nil) }
        let known: PresenceVerdict = sequencer.devicesElsewhere.isEmpty ? [.alone, .empty] : []
        if case .local = sequencer {
            return events.add(
                known, in: .user, of: id, isArrival: isOnline, at: core.loop.unixNow, device: device)
        }
        sequencer.devicesChanged(
            PresenceClaim(isArrival: isOnline, at: core.loop.unixNow, device: device, known: known))
    }

    /// Connections that hear of another device: with more of them each that comes would cost as much as there are.
    static let devicesAnnouncedMax = 20

    /// Notifies the user's connections here, the latest ones, that a device came or went.
    func announce(_ device: Identifier, type: String?, isOnline: Bool, except info: ConnectionInfo? = nil) {
        let others = user.attendance.living.filter { $0 !== info }.suffix(Self.devicesAnnouncedMax)
        guard !others.isEmpty else { return }
        core.writer.device(device, type: type, isOnline: isOnline)
        let frame = core.writtenFrame()
        for other in others { core.send(.frames([frame]), to: other) }
    }

    /// The user as the list of those who are online shows it.
    var online: OnlineUser {
        let elsewhere = sequencer.entries(of: id).map(\.attendance)
        let devices = user.attendance.entries.map(\.info.device) + elsewhere.flatMap(\.devices).map(\.device)
        return OnlineUser(
            user: id, devices: Set(devices).count,
            nodes: Set(elsewhere.map(\.node) + [core.context.nodeID]).sorted())
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
}

extension WelcomeFrame.SessionState {
    init(_ session: User.Session) {
        self.init(
            id: session.id, isResumed: session.isResumed, messageCount: session.messageCount,
            lastActiveAt: session.lastActiveAt)
    }
}
