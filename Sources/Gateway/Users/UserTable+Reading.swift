import Foundations
import Rooms
import WireProtocol

// Reading and removing of users, for the HTTP API. Each calls its completion exactly once, perhaps before it returns.
extension UserTable {
    /// Closes a user's connections on all nodes; `completion` gets how many these are.
    func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        guard let owner = findOrFollow(id) else { return completion(0) }
        owner.sequencer.whenReady { completion(owner.removeConnections()) }
    }

    /// Describes a user: devices on all nodes with their rooms, and the messages that no device has acked.
    func describe(_ id: Identifier, _ completion: @escaping (HTTPResponse) -> Void) {
        guard let owner = findOrFollow(id) else {
            return completion(UserDescription(user: id, node: core.context.nodeID).response)
        }
        owner.sequencer.whenCursorsRead { [surveys] in
            let infos = owner.user.attendance.entries.map(\.info)
            surveys.findRooms(of: infos) { here in
                owner.sequencer.askWhereabouts { there in
                    let description = UserDescription(
                        user: id, node: owner.core.context.nodeID, infos: infos, rooms: here,
                        devicesElsewhere: owner.sequencer.told(of: id), roomsElsewhere: there,
                        pending: owner.user.openedInbox?.pendingCount ?? 0)
                    completion(description.response)
                }
            }
        }
    }

    /// The user, if known here; in a cluster any user is followed from now on, for a while.
    private func findOrFollow(_ id: Identifier) -> UserOwner? { replication == nil ? find(id) : open(id) }
}

/// A user as the HTTP API shows it.
struct UserDescription {
    let user: Identifier
    /// This node.
    let node: String
    /// Connections here, and their rooms.
    var infos: [ConnectionInfo] = []
    var rooms: [Whereabouts] = []
    /// Devices on other nodes, by the nodes' runs.
    var devicesElsewhere: [(boot: String, attendance: RemoteAttendance)] = []
    /// The rooms of these; of nodes that did not answer they are left out.
    var roomsElsewhere: [String: [Whereabouts]] = [:]
    var pending = 0

    var response: HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("user")
        writer.string(user)
        writer.name("online")
        writer.bool(!infos.isEmpty || !devicesElsewhere.isEmpty)
        writer.name("devices")
        writer.beginArray()
        for (info, found) in zip(infos, rooms) {
            writer.beginObject()
            writer.device(info, on: node)
            write(found, to: &writer)
            writer.endObject()
        }
        for (boot, attendance) in devicesElsewhere {
            for device in attendance.devices {
                writer.beginObject()
                writer.device(device, on: attendance.node)
                write(roomsElsewhere[boot]?.first { $0.device == device.device }, to: &writer)
                writer.endObject()
            }
        }
        writer.endArray()
        writer.name("inbox_pending")
        writer.number(pending)
        writer.endObject()
        return .json(200, writer.array)
    }

    private func write(_ found: Whereabouts?, to writer: inout JSONWriter) {
        guard let found else { return }
        writer.name("rooms")
        writer.beginArray()
        for room in found.rooms { writer.string(room) }
        writer.endArray()
    }
}
