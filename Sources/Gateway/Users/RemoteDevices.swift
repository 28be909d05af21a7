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

    /// By how much nodes differ in what time it is by the store's clock: some of its answers come at once.
    private static let clockErrorMilliseconds = 10
    /// A time that is later than the present one by more is of another clock.
    private static let futureMilliseconds = 1_000

    /// The time of an arrival that is there now, by the store's clock in Unix milliseconds: later than that of each
    /// connection of its device that this node knows of. All nodes order the connections of a device by it.
    func time(ofArrivalOf device: Identifier?) -> Int {
        let known = all.filter { $0.device == device }.map(\.connectedAt) + here(device).map(\.connectedAt)
        return max(replication.sharedNow, known.max().map { $0 + 1 } ?? 0)
    }

    /// When a connection that is let in now has come; nil when a later one of its device has come meanwhile, here or
    /// elsewhere. One that seems to come in the future has its time of a clock that was set back since: it was before.
    /// Of two that came at once the one that is let in later is the later one.
    /// - Parameter time: when it came, as `time(ofArrivalOf:)` said then.
    func timeOfArrival(of device: Identifier?, at time: Int) -> Int? {
        let elsewhere = all.filter { $0.device == device }.map(\.connectedAt)
        let (error, future) = (Self.clockErrorMilliseconds, replication.sharedNow + Self.futureMilliseconds)
        let isReplaced =
            elsewhere.contains { $0 > time + error && $0 <= future } || here(device).contains { $0.connectedAt > time }
        return isReplaced ? nil : max(time, elsewhere.max().map { $0 + 1 } ?? 0)
    }

    /// The living connection that a device has here, if it has one.
    private func here(_ device: Identifier?) -> [ConnectionInfo] {
        user.attendance.living.filter { $0.device == device }
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

    // MARK: Orders

    /// Has the user's connections on this node carry out another node's order, and replies how many did.
    func obey(_ values: [String]) {
        guard values.count == 4, let number = Int(values[1]), [Self.entry, Self.exit].contains(values[2]),
            let room = Identifier(validating: values[3])
        else { return }
        let (replication, boot, channel) = (replication, core.context.boot, Array(values[0].utf8))
        let order = RoomOrder(room: room, isEntry: values[2] == Self.entry)
        replicated.table.surveys.order(order, user.attendance.living) { count in
            let answer = OrderAnswer(question: number, boot: boot, connections: count)
            replication.store.perform(.publish(channel: channel, payload: answer.payload)) { _ in }
        }
    }

    private static let entry = "in"
    private static let exit = "out"

    /// Has the user's connections on other nodes carry out an operator's order; `completion` gets how many did, as far
    /// as their nodes answer in time.
    func order(_ order: RoomOrder, _ completion: @escaping (Int) -> Void) {
        let boots = Set((presence?.roster.entries(of: user.id) ?? []).map(\.boot))
        guard !boots.isEmpty else { return completion(0) }
        let orders = replication.orders
        let isAsked = orders.put(to: boots, through: replication.store, at: core.loop.now) { [weak replicated] number in
            guard let replicated else { return }
            let values = [orders.channel, String(number), order.isEntry ? Self.entry : Self.exit, order.room.text]
            replicated.channel?.publish(
                ClusterNotice(.order, boot: replicated.core.context.boot, values))
        } finish: {
            completion($0.answers.values.reduce(0) { $0 + $1.connections })
        }
        if !isAsked { completion(0) }
    }
}
