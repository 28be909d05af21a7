import ControlPlane
import Foundations
import Rooms

// The user's devices on all nodes.
extension SharedUser: ClusterPresenceDelegate {
    /// Clocks of nodes may differ by so much.
    private static let clockToleranceMilliseconds = 5_000

    var attendances: [Attendance] { user.attendance.isEmpty ? [] : [user.attendance] }

    /// Devices on other nodes.
    var devicesElsewhere: [RemoteAttendance.Device] {
        presence?.roster.attendances(of: user.id).flatMap(\.devices) ?? []
    }

    /// Whether a device is online on another node.
    func isElsewhere(_ device: Identifier) -> Bool { devicesElsewhere.contains { $0.device == device } }

    /// A connection came.
    func connected(_ info: ConnectionInfo) {
        if !worker.isStoreAway { orders[ObjectIdentifier(info)] = .asked }
        presence?.tell(user.id, user.attendance)
    }

    /// Devices went.
    func disconnected(_ gone: [ConnectionInfo]) {
        for info in gone { orders[ObjectIdentifier(info)] = nil }
        presence?.tell(user.id, user.attendance)
        if user.attendance.isEmpty { sessionPaused() }
    }

    /// What this node said of a device now stands before all that others say of it from now on.
    func presenceAnnounced(_ user: Identifier, _ own: RemoteAttendance?) {
        for info in self.user.attendance.living where orders[ObjectIdentifier(info)] == .asked {
            let isTold = own?.devices.contains { $0.device == info.device && $0.connectedAt == info.connectedAt }
            if isTold == true { orders[ObjectIdentifier(info)] = .told }
        }
    }

    func presenceMoved(_ user: Identifier, from old: RemoteAttendance?, to new: RemoteAttendance?) {
        for device in new?.devices ?? [] where old?.devices.contains(device) != true {
            cameElsewhere(device, wasThere: old?.devices.contains { $0.device == device.device } == true)
        }
        for device in old?.devices ?? [] where !isKnown(device.device) {
            worker.tellDevices(of: self.user, about: device.device, type: device.deviceType, isOnline: false)
        }
    }

    /// Users are not deleted.
    func deleted() {}

    func noticed(_ notice: ClusterNotice) {
        switch notice.kind {
        case .kick:
            guard notice.boot != worker.context.boot else { return }
            _ = closeAll()
        case .whereabouts:
            if notice.values.count == 2 { tellWhereabouts(on: notice.values[0], question: notice.values[1]) }
        case .typing, .read, .deleted, .settings: break
        }
    }

    /// Closes all connections of the user, on all nodes; how many these are.
    func removeAll() -> Int {
        follower?.tell(ClusterNotice(.kick, boot: worker.context.boot))
        return closeAll() + devicesElsewhere.count
    }

    private func closeAll() -> Int {
        let living = user.attendance.living
        for info in living {
            worker.post(to: info.worker) { $0.find(info)?.closeAsRemoved("removed") }
        }
        return living.count
    }

    /// Whether a device is online anywhere.
    private func isKnown(_ device: Identifier) -> Bool {
        isElsewhere(device) || user.attendance.entries.contains { $0.info.device == device }
    }

    /// A device connected to another node. The connection that it had here, if it is the older one, is replaced by that.
    private func cameElsewhere(_ device: RemoteAttendance.Device, wasThere: Bool) {
        let here = user.attendance.entries.filter { $0.info.device == device.device }
        for entry in here where entry.graceEnd == nil && isOlder(entry.info, than: device) {
            let info = entry.info
            worker.post(to: info.worker) { $0.find(info)?.closeAsReplaced() }
        }
        let others = devicesElsewhere.count { $0.device == device.device }
        guard here.isEmpty, !wasThere, others == 1 else { return }
        worker.tellDevices(of: user, about: device.device, type: device.deviceType, isOnline: true)
    }

    /// Which of two connections of one device came first: by the nodes' clocks, and where these are too close, by the
    /// order in which the store got to know of them.
    private func isOlder(_ info: ConnectionInfo, than device: RemoteAttendance.Device) -> Bool {
        let lead = device.connectedAt - info.connectedAt
        guard abs(lead) <= Self.clockToleranceMilliseconds else { return lead > 0 }
        switch orders[ObjectIdentifier(info)] {
        case .told: return true
        case .asked: return false
        case nil: return lead >= 0
        }
    }
}
