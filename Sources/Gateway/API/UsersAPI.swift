import Foundations
import WireProtocol

/// `/api/users`
struct UsersAPI {
    let services: any APIServices

    /// `GET /api/users/{user_id}`
    func show(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("user_id", at: 0)
        return services.atHome(of: id) { home, responder in
            home.describeUser(id) { [weak home] description in
                guard let home else { return }
                responder.answer(.json(200, description), by: home)
            }
        }
    }

    /// `POST /api/users/{user_id}/messages`
    func publish(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("user_id", at: 0)
        let message = try PublishingBody(
            call, author: .from, byteCountMax: services.configuration.messageBytesMax)
        let direct = Worker.Direct(
            from: message.author, to: id, sender: nil, deviceType: message.deviceType, fields: message.fields)
        return services.atHome(of: id) { home, responder in
            // In a cluster the shared inbox gives the message its place, and the answer comes with it.
            if let store = home.store {
                return home.submit(direct, author: .request(home.publicationNumber(for: responder)), store)
            }
            let commit = home.commit(direct)
            commit.id.withUnsafeBytes {
                home.writer.ack(
                    .user(id), id: $0, position: commit.position, time: commit.time, isDuplicate: commit.isDuplicate)
            }
            responder.answer(.json(commit.isDuplicate ? 200 : 201, home.writer.array), by: home)
        }
    }

    /// `DELETE /api/users/{user_id}/connections`
    func removeConnections(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("user_id", at: 0)
        return services.atHome(of: id) { home, responder in
            home.removeConnections(of: id) { [weak home] count in
                guard let home else { return }
                var writer = JSONWriter()
                writer.beginObject()
                writer.member("closed", count)
                writer.endObject()
                responder.answer(.json(200, writer.array), by: home)
            }
        }
    }
}
