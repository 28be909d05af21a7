import ClusterState
import Core
import Rooms

/// The devices of a cluster's user on other nodes, and the rooms that they are in. Thread: the home worker's.
struct RemoteDevices {
    unowned let replicated: ReplicatedUser

    private var user: User { replicated.user }
    private var core: WorkerCore { replicated.core }
    private var presence: ClusterPresence? { replicated.presence }
    private var replication: Replication { replicated.replication }

    /// Devices on other nodes.
    var all: [RemoteAttendance.Device] {
        presence?.roster.attendances(of: user.id).flatMap(\.devices) ?? []
    }

    /// Whether a device is online on another node.
    func contains(_ device: Identifier) -> Bool { all.contains { $0.device == device } }

    /// How long an arrival may wait and still be the newest of its device.
    private static let freshMilliseconds = 1_000

    /// When a connection has come, by the store's clock: later than all others of its device that this node knows of.
    /// Nil when it has waited for so long that a later one came elsewhere.
    /// - Parameter unixTime: when it came, in Unix milliseconds by the store's clock; it was let in just now.
    func timeOfArrival(of device: Identifier?, at unixTime: Int) -> Int? {
        let latest = all.filter { $0.device == device }.map(\.connectedAt).max() ?? 0
        if replication.sharedNow - unixTime < Self.freshMilliseconds { return max(unixTime, latest + 1) }
        return unixTime > latest ? unixTime : nil
    }

    /// Whether a device is online anywhere.
    func isOnlineAnywhere(_ device: Identifier) -> Bool {
        contains(device) || user.attendance.entries.contains { $0.info.device == device }
    }

    /// A device connected to another node. The connection that it has here, if it is the older one, is replaced by
    /// that; of two that came at once the nodes' names decide, everywhere alike.
    func came(_ device: RemoteAttendance.Device, on boot: String, wasThere: Bool) {
        let here = user.attendance.entries.filter { $0.info.device == device.device }
        for entry in here where entry.graceEnd == nil {
            let info = entry.info
            let isOlder = (info.connectedAt, core.context.boot) < (device.connectedAt, boot)
            if isOlder { core.send(.replaced, to: info) }
        }
        let others = all.count { $0.device == device.device }
        guard here.isEmpty, !wasThere, others == 1 else { return }
        replicated.owner.announce(device.device, type: device.deviceType, isOnline: true)
    }

    // MARK: Rooms

    /// Replies to another node's worker in which rooms the user is on this one.
    func replyRooms(on channel: String, question: String) {
        guard let number = Int(question), !user.attendance.isEmpty else { return }
        let (replication, boot) = (replication, core.context.boot)
        replicated.table.surveys.findRooms(of: user.attendance.entries.map(\.info)) { found in
            let answer = DeviceRoomsAnswer(question: number, boot: boot, rooms: found)
            replication.store.perform(.publish(channel: Array(channel.utf8), payload: answer.payload)) { _ in }
        }
    }

    /// Asks the other nodes on which the user is; a node that does not answer in time is left out.
    func askRooms(_ completion: @escaping ([String: [DeviceRooms]]) -> Void) {
        let boots = Set((presence?.roster.entries(of: user.id) ?? []).map(\.boot))
        guard !boots.isEmpty, !replication.isStoreAway else { return completion([:]) }
        let locator = replication.deviceLocator
        let isAsked = locator.put(to: boots, through: replication.store, at: core.loop.now) {
            [weak replicated] number in
            guard let replicated else { return }
            replicated.channel?.publish(
                ClusterNotice(.deviceRooms, boot: replicated.core.context.boot, [locator.channel, String(number)]))
        } finish: {
            completion($0.answers.mapValues(\.rooms))
        }
        if !isAsked { completion([:]) }
    }
}
