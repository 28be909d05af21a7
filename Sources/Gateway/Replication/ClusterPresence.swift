import ControlPlane
import Foundations
import Rooms

/// Whom presence is about: a room, or a user. On the home's thread.
protocol ClusterPresenceDelegate: AnyObject {
    /// Who is in on this node.
    var attendances: [Attendance] { get }
    /// A node says something else of a user than before; nil: that the user is not in on it. `boot` is its run.
    func presenceMoved(_ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?)
}

/// Who is in a room, or connected as a user, on the other nodes. Every node says who is in on it, and keeps what the
/// others said.
///
/// Thread: the home worker's.
final class ClusterPresence {
    /// Between reading who is in and believing that all living nodes have said so: time enough for each of them to
    /// notice that the store is back, and for the dead ones' leases to end.
    private static let settlingMilliseconds = 5_000

    private(set) var roster = RemoteRoster()
    private let core: WorkerCore
    private unowned let replication: Replication
    private unowned let channel: LogChannel
    private unowned let delegate: any ClusterPresenceDelegate
    /// Until `settledAt` (loop milliseconds) nobody is missed.
    private var isSettling = false
    private var settledAt = 0

    init(
        _ channel: LogChannel, _ core: WorkerCore, _ replication: Replication,
        delegate: any ClusterPresenceDelegate
    ) {
        self.channel = channel
        self.core = core
        self.replication = replication
        self.delegate = delegate
    }

    /// A user came or went on this node: the others are told.
    func tell(_ user: Identifier, _ attendance: Attendance) {
        let devices = attendance.entries.map { entry in
            RemoteAttendance.Device(
                device: entry.info.device, deviceType: entry.info.deviceType, connectedAt: entry.info.connectedAt)
        }
        let record = devices.isEmpty ? [] : RemoteAttendance(node: core.context.nodeID, devices: devices).record
        channel.tellPresence(of: user, boot: core.context.boot, record: record)
    }

    /// The log was opened, or opened again: says who is in here, and asks who is in elsewhere. What the store may have
    /// lost comes back in time; only then is somebody missed.
    func read() {
        for attendance in delegate.attendances {
            if let user = attendance.user { tell(user, attendance) }
        }
        isSettling = true
        settledAt = core.loop.now + Self.settlingMilliseconds
        channel.readPresence()
        replication.settle(self, at: settledAt)
    }

    /// Nobody is to be missed any more.
    func end() { isSettling = false }

    /// The time has come to miss those whom nobody told of.
    func settle() {
        guard isSettling, core.loop.now >= settledAt else { return }
        isSettling = false
        channel.readPresence()
    }

    /// A node said something.
    func told(_ change: RoomPresence.Change) {
        guard change.boot != core.context.boot else { return }
        told(change.user, by: change.boot, RemoteAttendance(record: change.record))
    }

    /// All that the store knows has come. What nodes have left there that are gone is the janitor's business.
    func wasRead(_ entries: [RoomPresence.Change]) {
        let living = Set(replication.otherNodes.map(\.boot))
        var known: Set<[String]> = []
        for entry in entries where entry.boot != core.context.boot {
            // While this settles a node may be alive and not have beaten yet.
            if replication.goneNodes.contains(entry.boot) || !isSettling && !living.contains(entry.boot) { continue }
            known.insert([entry.boot, entry.user.text])
            told(entry.user, by: entry.boot, RemoteAttendance(record: entry.record))
        }
        guard !isSettling else { return }
        for entry in roster.entries where !known.contains([entry.boot, entry.user.text]) {
            told(entry.user, by: entry.boot, nil)
        }
    }

    /// A node is gone, and with it all who were in on it.
    func nodeGone(_ boot: String) {
        for user in roster.users(of: boot) { told(user, by: boot, nil) }
    }

    private func told(_ user: Identifier, by boot: String, _ attendance: RemoteAttendance?) {
        let old = roster.attendance(of: user, by: boot)
        guard old != attendance else { return }
        roster.told(user, by: boot, attendance)
        delegate.presenceMoved(user, on: boot, from: old, to: attendance)
    }
}
