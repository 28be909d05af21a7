import ClusterState
import Core
import Rooms
import WireProtocol

/// Who gives the messages of a user's inbox their places: this node alone, or the log that all nodes of a cluster
/// share. The user's owner calls the same methods on both.
enum UserSequencer {
    case local
    case replicated(ReplicatedUser)

    /// Devices on other nodes.
    var devicesElsewhere: [RemoteAttendance.Device] {
        if case .replicated(let user) = self { user.devices.all } else { [] }
    }

    /// When a connection that was let in just now has come, in Unix milliseconds; nil when a later one of its device
    /// came elsewhere meanwhile.
    func timeOfArrival(of device: Identifier?, at unixTime: Int) -> Int? {
        if case .replicated(let user) = self { user.devices.timeOfArrival(of: device, at: unixTime) } else { unixTime }
    }

    /// Connections came or went: other nodes are notified.
    /// - Parameter claim: set when the first one came or the last one went, and events are wanted.
    func devicesChanged(_ claim: PresenceClaim?) {
        if case .replicated(let user) = self { user.devicesChanged(claim) }
    }

    func isElsewhere(_ device: Identifier) -> Bool {
        if case .replicated(let user) = self { user.devices.contains(device) } else { false }
    }

    /// Does something once the inbox is as the cluster has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if case .replicated(let user) = self { user.whenReady(work) } else { work() }
    }

    /// As `whenReady`, once the cursors of all nodes' devices are known as well.
    func whenCursorsRead(_ work: @escaping () -> Void) {
        guard case .replicated(let user) = self else { return work() }
        user.cursors.read { user.whenReady(work) }
    }

    /// Connections go on whose places in the inbox are clear now.
    func placeConnections() { if case .replicated(let user) = self { user.placing.goOn() } }

    /// Messages to and by the user that have no place yet, in order.
    var provisionalMessages: [Submission] {
        if case .replicated(let user) = self { user.provisionalMessages } else { [] }
    }

    /// Nothing comes into the inbox by itself.
    var isInboxQuiet: Bool { if case .replicated(let user) = self { user.isQuiet } else { true } }

    /// The user's devices on other nodes by their nodes' runs.
    func entries(of user: Identifier) -> [(boot: String, attendance: RemoteAttendance)] {
        if case .replicated(let shared) = self { shared.presence?.roster.entries(of: user) ?? [] } else { [] }
    }

    /// Has the user's connections on other nodes carry out an operator's order; `completion` gets how many did.
    func orderElsewhere(_ order: RoomOrder, _ completion: @escaping (Int) -> Void) {
        if case .replicated(let user) = self { user.devices.order(order, completion) } else { completion(0) }
    }

    /// Asks the other nodes in which rooms the user is; a node that does not answer in time is left out.
    func askRooms(_ completion: @escaping ([String: [DeviceRooms]]) -> Void) {
        if case .replicated(let user) = self { user.devices.askRooms(completion) } else { completion([:]) }
    }
}
