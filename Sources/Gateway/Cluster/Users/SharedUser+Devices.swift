import ControlPlane
import Foundations
import Rooms

// The user's devices on all nodes.
extension SharedUser: ClusterPresenceDelegate, NoticeObserver {
    var attendances: [Attendance] { user.attendance.isEmpty ? [] : [user.attendance] }

    /// Devices on other nodes.
    var devicesElsewhere: [RemoteAttendance.Device] {
        presence?.roster.attendances(of: user.id).flatMap(\.devices) ?? []
    }

    /// Whether a device is online on another node.
    func isElsewhere(_ device: Identifier) -> Bool { devicesElsewhere.contains { $0.device == device } }

    /// How long an arrival may wait and still be the newest of its device.
    private static let freshMilliseconds = 1_000

    /// When a connection has come, in Unix milliseconds: later than all others of its device that this node knows of,
    /// whatever their nodes' clocks say. Nil when it has waited for so long that a later one came elsewhere.
    /// - Parameter unixTime: when it came, in Unix milliseconds; it was let in just now.
    func timeOfArrival(of device: Identifier?, at unixTime: Int) -> Int? {
        let latest = devicesElsewhere.filter { $0.device == device }.map(\.connectedAt).max() ?? 0
        if core.loop.unixNow - unixTime < Self.freshMilliseconds { return max(unixTime, latest + 1) }
        return unixTime > latest ? unixTime : nil
    }

    /// Connections came or went.
    func devicesChanged() {
        presence?.tell(user.id, user.attendance)
        if user.attendance.isEmpty { sessionPaused() }
    }

    func presenceMoved(
        _ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?
    ) {
        if new?.devices.isEmpty == false { table.pushes.endBurst(of: self.user.id) }
        for device in new?.devices ?? [] where old?.devices.contains(device) != true {
            cameElsewhere(
                device, on: boot, wasThere: old?.devices.contains { $0.device == device.device } == true)
        }
        for device in old?.devices ?? [] where !isKnown(device.device) {
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
        case .whereabouts:
            if notice.values.count == 2 { tellWhereabouts(on: notice.values[0], question: notice.values[1]) }
        case .typing, .read, .deleted, .settings, .fence: break
        }
    }

    /// Closes all connections of the user, on all nodes; how many these are.
    func removeAll() -> Int {
        channel?.tell(ClusterNotice(.kick, boot: core.context.boot))
        return owner.closeConnections() + devicesElsewhere.count
    }

    /// Whether a device is online anywhere.
    private func isKnown(_ device: Identifier) -> Bool {
        isElsewhere(device) || user.attendance.entries.contains { $0.info.device == device }
    }

    /// A device connected to another node. The connection that it has here, if it is the older one, is replaced by that;
    /// of two that came at once the nodes' names decide, everywhere alike.
    private func cameElsewhere(_ device: RemoteAttendance.Device, on boot: String, wasThere: Bool) {
        let here = user.attendance.entries.filter { $0.info.device == device.device }
        for entry in here where entry.graceEnd == nil {
            let info = entry.info
            let isOlder = (info.connectedAt, core.context.boot) < (device.connectedAt, boot)
            if isOlder { core.send(.replaced, to: info) }
        }
        let others = devicesElsewhere.count { $0.device == device.device }
        guard here.isEmpty, !wasThere, others == 1 else { return }
        owner.announce(device.device, type: device.deviceType, isOnline: true)
    }
}
