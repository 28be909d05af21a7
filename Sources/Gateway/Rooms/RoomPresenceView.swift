import ClusterState
import Core
import Rooms

/// The users of a replicated room on other nodes. Thread: the home worker's.
final class RoomPresenceView {
    private unowned let home: RoomOwner
    /// Set once the room is followed.
    private(set) var presence: ClusterPresence?
    /// Users who are in on other nodes and not here.
    private(set) var elsewhere: Set<Identifier> = []
    /// Whether members here are notified of changes.
    var isAnnouncing = false

    init(_ home: RoomOwner) { self.home = home }

    /// Begins to listen on the room's channel.
    func begin(_ channel: LogChannel, _ replication: Replication) {
        presence = ClusterPresence(channel, of: .room(home.id), home.core, replication, delegate: self)
    }

    /// Whether a user is in on another node.
    func isElsewhere(_ user: Identifier) -> Bool { presence?.roster.contains(user) == true }

    /// A user's connections on this node are others than before: the other nodes are notified.
    func changedHere(_ user: Identifier, _ claim: PresenceClaim?) {
        countElsewhere(user)
        presence?.publish(user, home.room.attendance(of: user), claim)
    }

    private func countElsewhere(_ user: Identifier) {
        if isElsewhere(user), home.room.attendance(of: user).isEmpty {
            elsewhere.insert(user)
        } else {
            elsewhere.remove(user)
        }
    }
}

extension RoomPresenceView: ClusterPresenceDelegate {
    var attendances: [Attendance] { Array(home.room.attendances) }

    /// Members here are notified when it makes a difference.
    func presenceMoved(_ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?) {
        let wasElsewhere = elsewhere.contains(user)
        countElsewhere(user)
        let isThere = elsewhere.contains(user)
        guard wasElsewhere != isThere, isAnnouncing else { return }
        home.table.notices.presenceChanged(isThere ? "joined" : "left", of: user, in: home)
    }
}
