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
            let (key, origin) = (key, worker.index)
            worker.post(to: worker.context.home(of: id)) { home in
                let user = home.users.find(id)
                let devices = user?.attendance.entries.map(\.info) ?? []
                let pending = user?.openedInbox?.pendingCount ?? 0
                home.post(to: origin) { $0.describeUser(id, devices, pending: pending, to: key) }
            }
        }
    }

    /// `POST /api/users/{user_id}/messages`
    func publishToUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            let (from, fields, deviceType) = try messageWish(call, author: .from)
            let direct = Worker.Direct(from: from, to: id, sender: nil, deviceType: deviceType, fields: fields)
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
            answer(at: worker.context.home(of: id)) { home in
                let living = home.users.find(id)?.attendance.living ?? []
                for info in living {
                    home.post(to: info.worker) { $0.find(info)?.closeAsRemoved("removed") }
                }
                var writer = JSONWriter()
                writer.beginObject()
                writer.name("closed")
                writer.number(living.count)
                writer.endObject()
                return .json(200, writer.array)
            }
        }
    }
}

extension Worker {
    fileprivate func describeUser(_ id: Identifier, _ devices: [ConnectionInfo], pending: Int, to key: UInt64) {
        gather { asked in
            devices.map { info in info.worker == asked.index ? asked.find(info)?.rooms ?? [] : [] }
        } finish: { [weak self] parts in
            guard let self else { return }
            writer.removeAll()
            writer.beginObject()
            writer.name("user")
            writer.string(id)
            writer.name("online")
            writer.bool(!devices.isEmpty)
            writer.name("devices")
            writer.beginArray()
            for (index, info) in devices.enumerated() {
                writer.beginObject()
                writeDevice(info)
                writer.name("rooms")
                writer.beginArray()
                for room in parts[info.worker][index] { writer.string(room) }
                writer.endArray()
                writer.endObject()
            }
            writer.endArray()
            writer.name("inbox_pending")
            writer.number(pending)
            writer.endObject()
            answer(.json(200, writer.array), to: key)
        }
    }
}
