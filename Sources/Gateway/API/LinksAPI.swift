import ClusterState
import Core
import WireProtocol

/// `/api/links`
struct LinksAPI {
    let services: any APIServices

    func list(_ call: HTTPCall) throws(APIFault) -> Reply {
        ask(.list(after: try call.cursor(), limit: try call.limit()))
    }

    func show(_ call: HTTPCall) throws(APIFault) -> Reply { ask(.show(try id(call))) }

    /// `POST /api/links`
    func create(_ call: HTTPCall) throws(APIFault) -> Reply {
        try checkOperator(call)
        let definition = try LinkBody.definition(call, madeID: services.makeID(after: "l-"))
        let url: ServerURL
        do throws(ServerURL.Fault) { url = try ServerURL(definition.url, .ws) } catch { throw .bad("url: \(error)") }
        guard services.configuration.linkHosts.allows(url.host, port: url.port) else {
            throw APIFault(
                status: 403, code: "forbidden", message: "the host of the url is not in LINK_ALLOWED_HOSTS")
        }
        return ask(.create(definition))
    }

    /// `POST /api/links/{id}/enable` and `/disable`
    func enable(_ call: HTTPCall, _ isEnabled: Bool) throws(APIFault) -> Reply {
        try checkOperator(call)
        return ask(.enable(try id(call), isEnabled))
    }

    func delete(_ call: HTTPCall) throws(APIFault) -> Reply {
        try checkOperator(call)
        return ask(.delete(try id(call)))
    }

    private func id(_ call: HTTPCall) throws(APIFault) -> Identifier { try call.identifier("id", at: 0) }

    private func checkOperator(_ call: HTTPCall) throws(APIFault) {
        guard services.context.access.letsOperate(isThisMachine: call.isThisMachine) else {
            throw APIFault(
                status: 403, code: "forbidden", message: "without an API_KEY only clients on this machine may do that")
        }
    }

    private func ask(_ question: LinkQuestion) -> Reply {
        let mail = services.context.mail.links
        return .later { mail.post([.asked(question, $0)]) }
    }
}
