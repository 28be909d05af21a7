import Foundations
import NetworkIO
import Rooms
import WireProtocol

// `/api/users`
extension Connection {
    /// `GET /api/users/{user_id}`: the home knows the devices, their workers know the rooms.
    func showUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            answerLater(at: worker.context.home(of: id)) { home, completion in home.describeUser(id, completion) }
        }
    }

    /// `POST /api/users/{user_id}/messages`
    func publishToUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            let (from, fields, deviceType) = try messageWish(call, author: .from)
            let direct = Worker.Direct(from: from, to: id, sender: nil, deviceType: deviceType, fields: fields)
            if worker.store != nil {
                let (key, origin) = (key, worker.index)
                return worker.post(to: worker.context.home(of: id)) { home in
                    guard let store = home.store else { return }
                    home.submit(direct, author: .request(home.publicationNumber(for: key, of: origin)), store)
                }
            }
            answer(at: worker.context.home(of: id)) { home in
                let commit = home.commit(direct)
                commit.id.withUnsafeBytes {
                    home.writer.ack(
                        .user(id), id: $0, position: commit.position, time: commit.time,
                        isDuplicate: commit.isDuplicate)
                }
                return .json(commit.isDuplicate ? 200 : 201, home.writer.array)
            }
        }
    }

    /// `DELETE /api/users/{user_id}/connections`
    func removeUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            answerLater(at: worker.context.home(of: id)) { home, completion in
                home.removeConnections(of: id) { completion(.closed($0)) }
            }
        }
    }
}

extension HTTPResponse {
    fileprivate static func closed(_ count: Int) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("closed")
        writer.number(count)
        writer.endObject()
        return .json(200, writer.array)
    }
}

// On the thread of the user's home.
extension Worker {
    fileprivate func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        if let store {
            let shared = openShared(id, store)
            return shared.whenReady { completion(shared.removeAll()) }
        }
        let living = users.find(id)?.attendance.living ?? []
        for info in living { post(to: info.worker) { $0.find(info)?.closeAsRemoved("removed") } }
        completion(living.count)
    }

    fileprivate func describeUser(_ id: Identifier, _ completion: @escaping (HTTPResponse) -> Void) {
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
        _ completion: @escaping (HTTPResponse) -> Void
    ) {
        let infos = attendance.entries.map(\.info)
        findRooms(of: infos) { [weak self] here in
            guard let shared else {
                if let self { completion(userResponse(id, infos, here, pending, [], [:])) }
                return
            }
            shared.askWhereabouts { there in
                guard let self else { return }
                let told = shared.presence?.roster.told(of: id) ?? []
                completion(self.userResponse(id, infos, here, pending, told, there))
            }
        }
    }

    /// - Parameter there: what the other nodes said by their runs; the rooms of devices of other nodes that did not
    ///   answer are left out.
    private func userResponse(
        _ id: Identifier, _ infos: [ConnectionInfo], _ here: [Whereabouts], _ pending: Int,
        _ told: [(boot: String, attendance: RemoteAttendance)], _ there: [String: [Whereabouts]]
    ) -> HTTPResponse {
        writer.removeAll()
        writer.beginObject()
        writer.name("user")
        writer.string(id)
        writer.name("online")
        writer.bool(!infos.isEmpty || !told.isEmpty)
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
        writer.name("inbox_pending")
        writer.number(pending)
        writer.endObject()
        return .json(200, writer.array)
    }

    private func writeRooms(_ found: Whereabouts?) {
        guard let found else { return }
        writer.name("rooms")
        writer.beginArray()
        for room in found.rooms { writer.string(room) }
        writer.endArray()
    }
}
