import ClusterState
import Core
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
            guard !core.stored.isInboxFull else {
                core.counters.refused(.storeFull)
                return responder.answer(.storeFull, by: core)
            }
            open(id).publish(direct, author: .request(publications.open(for: responder)))
        }
    }

    /// Closes a user's connections on all nodes; `completion` gets how many these are, once, perhaps before this
    /// returns.
    func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        findOrFollow(id) { owner in
            guard let owner else { return completion(0) }
            owner.sequencer.whenReady { completion(owner.removeConnections()) }
        }
    }

    /// Describes a user: devices on all nodes with their rooms, and the messages that no device has acked.
    private func describe(_ id: Identifier, _ completion: @escaping (UserDescription) -> Void) {
        findOrFollow(id) { [surveys, core] owner in
            guard let owner else { return completion(UserDescription(user: id, node: core.context.nodeID)) }
            owner.sequencer.whenCursorsRead {
                let infos = owner.user.attendance.entries.map(\.info)
                surveys.findRooms(of: infos) { here in
                    owner.sequencer.askWhereabouts { there in
                        completion(
                            UserDescription(
                                user: id, node: core.context.nodeID, infos: infos, rooms: here,
                                devicesElsewhere: owner.sequencer.told(of: id), roomsElsewhere: there,
                                pending: owner.inboxPending))
                    }
                }
            }
        }
    }

    /// Finds the user, if known here; in a cluster one of whom the store knows something is followed from now on, for a
    /// while. Of one who is known nowhere nothing is made, neither here nor in the store.
    private func findOrFollow(_ id: Identifier, _ found: @escaping (UserOwner?) -> Void) {
        if let owner = find(id) { return found(owner) }
        guard let replication, !replication.isStoreAway else { return found(nil) }
        let keys = LogKeys(user: id)
        replication.store.perform(.exists(keys: [keys.place, keys.entries, keys.members])) { [weak self] result in
            guard let self else { return }
            if case .success(.integer(1...)) = result { found(open(id)) } else { found(find(id)) }
        }
    }
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
