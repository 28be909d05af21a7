import WireProtocol

/// The web pages and their files.
struct PagesAPI {
    let services: any APIServices

    func file(_ name: String) -> Reply {
        .now(services.context.site.file(name) ?? .error(404, "not_found", "there is no file \(name)"))
    }

    /// `GET /chat/{room_id}`: one page for all rooms; it reads the room from its address.
    func chatPage(_ call: HTTPCall) throws(APIFault) -> Reply {
        _ = try call.identifier("room_id", at: 0)
        return file("chat.html")
    }
}
