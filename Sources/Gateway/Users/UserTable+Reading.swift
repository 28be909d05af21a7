import Foundations
import Rooms
import WireProtocol

// The HTTP API's questions to a user's home.
extension UserTable {
    func answer(_ question: UserQuestion, of id: Identifier, _ responder: Responder) {
        let core = core
        switch question {
        case .show: describe(id) { responder.answer($0.response, by: core) }
        case .removeConnections:
            removeConnections(of: id) { count in
                var writer = JSONWriter()
                writer.beginObject()
                writer.member("closed", count)
                writer.endObject()
                responder.answer(.json(200, writer.array), by: core)
            }
        case .publish(let direct):
            open(id).publish(direct, author: .request(publications.open(for: responder)))
        }
    }

    /// Closes a user's connections on all nodes; `completion` gets how many these are, once, perhaps before this
    /// returns.
    func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        guard let owner = findOrFollow(id) else { return completion(0) }
        owner.sequencer.whenReady { completion(owner.removeConnections()) }
    }

    /// Describes a user: devices on all nodes with their rooms, and the messages that no device has acked.
    private func describe(_ id: Identifier, _ completion: @escaping (UserDescription) -> Void) {
        guard let owner = findOrFollow(id) else {
            return completion(UserDescription(user: id, node: core.context.nodeID))
        }
        owner.sequencer.whenCursorsRead { [surveys] in
            let infos = owner.user.attendance.entries.map(\.info)
            surveys.findRooms(of: infos) { here in
                owner.sequencer.askWhereabouts { there in
                    completion(
                        UserDescription(
                            user: id, node: owner.core.context.nodeID, infos: infos, rooms: here,
                            devicesElsewhere: owner.sequencer.told(of: id), roomsElsewhere: there,
                            pending: owner.user.openedInbox?.pendingCount ?? 0))
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
        writer.member("user", user)
        writer.member("online", !infos.isEmpty || !devicesElsewhere.isEmpty)
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
        writer.member("inbox_pending", pending)
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
