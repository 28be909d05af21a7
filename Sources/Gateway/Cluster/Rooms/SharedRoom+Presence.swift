import ControlPlane
import Foundations
import Rooms

// Who is in the room on all nodes.
extension SharedRoom: ClusterPresenceDelegate, PresenceObserver {
    /// Whether a user is in on another node.
    func isElsewhere(_ user: Identifier) -> Bool { presence?.roster.contains(user) == true }

    /// A user came or went on this node: the others are told.
    func presenceChanged(_ user: Identifier) {
        let attendance = home.room.attendance(of: user)
        countElsewhere(user)
        presence?.tell(user, attendance)
    }

    func presenceTold(_ change: RoomPresence.Change) { presence?.told(change) }

    func presenceRead(_ entries: [RoomPresence.Change]?) {
        defer {
            if !isReady {
                placeMembers()
                becameReady()
            }
        }
        if let entries { presence?.wasRead(entries) }
    }

    var attendances: [Attendance] { Array(home.room.attendances) }

    /// Those who are in here are told when it makes a difference.
    func presenceMoved(
        _ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?
    ) {
        let wasElsewhere = elsewhere.contains(user)
        countElsewhere(user)
        let isThere = elsewhere.contains(user)
        guard wasElsewhere != isThere, isReady else { return }
        table.notices.presenceChanged(isThere ? "joined" : "left", of: user, in: home)
    }

    private func countElsewhere(_ user: Identifier) {
        if isElsewhere(user), home.room.attendance(of: user).isEmpty {
            elsewhere.insert(user)
        } else {
            elsewhere.remove(user)
        }
    }
}
