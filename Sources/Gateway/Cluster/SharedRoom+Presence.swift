import ControlPlane
import Foundations
import Rooms

// Who is in the room on all nodes. Every node says who is in on it, and keeps what the others said.
extension SharedRoom {
    /// Between reading who is in and believing that all living nodes have said so: time enough for each of them to
    /// notice that the store is back, and for the dead ones' leases to end.
    private static let settlingMilliseconds = 5_000

    /// Whether a user is in on another node.
    func isElsewhere(_ user: Identifier) -> Bool { roster.contains(user) }

    /// A user came or went on this node: the others are told.
    func presenceChanged(_ user: Identifier) {
        let attendance = home.room.attendance(of: user)
        countElsewhere(user)
        follower?.tellPresence(of: user, boot: worker.context.boot, record: record(attendance))
    }

    private func record(_ attendance: Attendance) -> [UInt8] {
        let devices = attendance.entries.map { entry in
            RemoteAttendance.Device(
                device: entry.info.device, deviceType: entry.info.deviceType, connectedAt: entry.info.connectedAt)
        }
        return devices.isEmpty ? [] : RemoteAttendance(node: worker.context.nodeID, devices: devices).record
    }

    /// The room was opened, or opened again: says who is in here, and asks who is in elsewhere. What the store may have
    /// lost comes back in time; only then is somebody missed.
    func readPresence() {
        for attendance in home.room.attendances {
            guard let user = attendance.user else { continue }
            follower?.tellPresence(of: user, boot: worker.context.boot, record: record(attendance))
        }
        isSettling = true
        settledAt = worker.loop.now + Self.settlingMilliseconds
        follower?.readPresence()
        worker.roomsToSettle.append(self, at: settledAt)
    }

    /// The time has come to miss those whom nobody told of.
    func settle() {
        guard isSettling, worker.loop.now >= settledAt else { return }
        isSettling = false
        follower?.readPresence()
    }

    func presenceTold(_ change: RoomPresence.Change) {
        guard change.boot != worker.context.boot else { return }
        told(change.user, by: change.boot, RemoteAttendance(record: change.record))
    }

    func presenceRead(_ entries: [RoomPresence.Change]?) {
        defer {
            if !isReady {
                placeMembers()
                becameReady()
            }
        }
        guard let entries else { return }
        let living = Set(worker.otherNodes.map(\.boot))
        var known: Set<[String]> = []
        var gone: [RoomPresence.Change] = []
        for entry in entries where entry.boot != worker.context.boot {
            // While the room settles a node may be alive and not have beaten yet.
            if !isSettling, !living.contains(entry.boot) {
                gone.append(entry)
                continue
            }
            known.insert([entry.boot, entry.user.text])
            told(entry.user, by: entry.boot, RemoteAttendance(record: entry.record))
        }
        guard !isSettling else { return }
        follower?.removePresence(gone)
        for entry in roster.entries where !known.contains([entry.boot, entry.user.text]) {
            told(entry.user, by: entry.boot, nil)
        }
    }

    /// A node is gone, and with it all who were in on it.
    func nodeGone(_ boot: String) {
        let users = roster.users(of: boot)
        for user in users { told(user, by: boot, nil) }
        follower?.removePresence(users.map { RoomPresence.Change(boot: boot, user: $0, record: []) })
    }

    /// What another node says of a user; those who are in here are told when it makes a difference.
    private func told(_ user: Identifier, by boot: String, _ attendance: RemoteAttendance?) {
        let change = roster.told(user, by: boot, attendance)
        countElsewhere(user)
        guard change != .unchanged, home.room.attendance(of: user).isEmpty, isReady else { return }
        worker.writer.presenceChange(
            change == .came ? "joined" : "left", room: home.room.id, user: user, users: home.userCount)
        worker.broadcastWritten(in: home)
    }

    private func countElsewhere(_ user: Identifier) {
        if roster.contains(user), home.room.attendance(of: user).isEmpty {
            elsewhere.insert(user)
        } else {
            elsewhere.remove(user)
        }
    }
}
