import Core
import WireProtocol

/// `/api/users`
struct UsersAPI {
    let services: any APIServices

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
