import Core
import WireProtocol

/// `/api/users`
struct UsersAPI {
    let services: any APIServices

    /// `GET /api/users`: users that are online on any node, by id.
    func list(_ call: HTTPCall) throws(APIFault) -> Reply {
        let (limit, cursor) = (services.readLimit(try call.limit(), .users), try call.cursor())
        return .later { [services] responder in
            services.listUsers(after: cursor, limit: limit) { [weak services] found in
                guard let services else { return }
                guard let found else { return responder.answer(.storeAway, by: services) }
                let page = OnlinePage(found.users, limit: limit)
                responder.answer(page.response(missing: found.missing), by: services)
            }
        }
    }

    /// `PUT` and `DELETE /api/users/{user_id}/rooms/{room_id}`
    func order(_ call: HTTPCall, isEntry: Bool) throws(APIFault) -> Reply {
        let user = try call.identifier("user_id", at: 0)
        let room = try call.identifier("room_id", at: 1)
        return services.ask(user, UserQuestion.order(RoomOrder(room: room, isEntry: isEntry)))
    }

    /// `GET /api/users/{user_id}`: with a page of the user's devices.
    func show(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("user_id", at: 0)
        let (limit, cursor) = (try call.limit(), try call.cursor())
        return services.ask(id, UserQuestion.show(after: cursor, limit: limit))
    }

    /// `POST /api/users/{user_id}/messages`
    func publish(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("user_id", at: 0)
        let message = try PublishingBody(
            call, author: .from, byteCountMax: services.configuration.messageBytesMax)
        let direct = Direct(
            from: message.author, to: id, sender: nil, deviceType: message.deviceType, fields: message.fields,
            maker: call.maker)
        return services.ask(id, .publish(direct))
    }

    /// `DELETE /api/users/{user_id}/connections`
    func removeConnections(_ call: HTTPCall) throws(APIFault) -> Reply {
        services.ask(try call.identifier("user_id", at: 0), .removeConnections)
    }
}
