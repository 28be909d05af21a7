import Foundations
import Rooms
import WireProtocol

// What the HTTP API asks of users. On the home's thread.
extension Worker {
    /// Closes all of a user's connections, on all nodes; `completion` gets their count.
    func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        if let store {
            let shared = openShared(id, store)
            return shared.whenReady { completion(shared.removeAll()) }
        }
        let living = users.find(id)?.attendance.living ?? []
        for info in living { post(to: info.worker) { $0.find(info)?.closeAsRemoved("removed") } }
        completion(living.count)
    }

    /// Hands a user's description as JSON to `completion`: the home knows the devices, their workers know the rooms.
    func describeUser(_ id: Identifier, _ completion: @escaping ([UInt8]) -> Void) {
        guard let store else {
            let user = users.find(id)
            return describe(
                id, user?.attendance ?? .none, pending: user?.openedInbox?.pendingCount ?? 0, nil, completion)
        }
        let shared = openShared(id, store)
        // The devices' cursors come with the session.
        shared.readCursors {
            shared.whenReady { [weak self] in
                self?.describe(
                    id, shared.user.attendance, pending: shared.inbox.pendingCount, shared, completion)
            }
        }
    }

    private func describe(
        _ id: Identifier, _ attendance: Attendance, pending: Int, _ shared: SharedUser?,
        _ completion: @escaping ([UInt8]) -> Void
    ) {
        let infos = attendance.entries.map(\.info)
        findRooms(of: infos) { [weak self] here in
            guard let shared else {
                if let self { completion(userDescription(id, infos, here, pending, [], [:])) }
                return
            }
            shared.askWhereabouts { there in
                guard let self else { return }
                let told = shared.presence?.roster.told(of: id) ?? []
                completion(self.userDescription(id, infos, here, pending, told, there))
            }
        }
    }

    /// - Parameter there: what the other nodes said by their runs; the rooms of devices of other nodes that did not
    ///   answer are left out.
    private func userDescription(
        _ id: Identifier, _ infos: [ConnectionInfo], _ here: [Whereabouts], _ pending: Int,
        _ told: [(boot: String, attendance: RemoteAttendance)], _ there: [String: [Whereabouts]]
    ) -> [UInt8] {
        writer.removeAll()
        writer.beginObject()
        writer.member("user", id)
        writer.member("online", !infos.isEmpty || !told.isEmpty)
        writer.name("devices")
        writer.beginArray()
        for (info, found) in zip(infos, here) {
            writer.beginObject()
            writeDevice(info)
            writeRooms(found)
            writer.endObject()
        }
        for (boot, attendance) in told {
            for device in attendance.devices {
                writer.beginObject()
                writeDevice(device, on: attendance.node)
                writeRooms(there[boot]?.first { $0.device == device.device })
                writer.endObject()
            }
        }
        writer.endArray()
        writer.member("inbox_pending", pending)
        writer.endObject()
        return writer.array
    }

    private func writeRooms(_ found: Whereabouts?) {
        guard let found else { return }
        writer.name("rooms")
        writer.beginArray()
        for room in found.rooms { writer.string(room) }
        writer.endArray()
    }
}
