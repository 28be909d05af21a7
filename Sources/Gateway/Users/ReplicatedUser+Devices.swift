import ClusterState
import Core
import Rooms

// The user's devices on all nodes.
extension ReplicatedUser: ClusterPresenceDelegate, NoticeObserver {
    var devices: RemoteDevices { RemoteDevices(replicated: self) }

    var attendances: [Attendance] { user.attendance.isEmpty ? [] : [user.attendance] }

    /// Connections came or went.
    /// - Parameter claim: set when the first one came or the last one went, and events are wanted.
    func devicesChanged(_ claim: PresenceClaim?) {
        presence?.publish(user.id, user.attendance, claim)
        if user.attendance.isEmpty { session.paused() }
    }

    func presenceMoved(
        _ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?
    ) {
        if new?.devices.isEmpty == false { table.pushes.endBurst(of: self.user.id) }
        for device in new?.devices ?? [] where old?.devices.contains(device) != true {
            devices.came(
                device, on: boot, wasThere: old?.devices.contains { $0.device == device.device } == true)
        }
        for device in old?.devices ?? [] where !devices.isOnlineAnywhere(device.device) {
            owner.announce(device.device, type: device.deviceType, isOnline: false)
        }
    }

    /// Users are not deleted.
    func deleted() {}

    func noticed(_ notice: ClusterNotice) {
        switch notice.kind {
        case .kick:
            guard notice.boot != core.context.boot else { return }
            _ = owner.closeConnections()
        case .deviceRooms:
            if notice.values.count == 2 { devices.replyRooms(on: notice.values[0], question: notice.values[1]) }
        case .order: if notice.boot != core.context.boot { devices.obey(notice.values) }
        case .typing, .signal, .read, .deleted, .settings, .places, .fence: break
        }
    }

    /// Closes all connections of the user, on all nodes; how many these are.
    func removeAll() -> Int {
        channel?.publish(ClusterNotice(.kick, boot: core.context.boot))
        return owner.closeConnections() + devices.all.count
    }
}
