// Every route of the HTTP API.
extension Route {
    /// There only with ECHO_ENDPOINT=1.
    static let echo = Route(.get, "/echo", .essential) { WebSocketAPI(services: $0).echo($1) }

    static let all: [Route] = webSockets + rooms + users + links + system + pages

    private static let webSockets: [Route] = [
        Route(.get, "/ws/{room_id}/{user_id}", .essential) { services, call throws(APIFault) in
            try WebSocketAPI(services: services).upgrade(call)
        }
    ]

    private static let rooms: [Route] = [
        Route(.get, "/api/rooms", .list) { services, call throws(APIFault) in
            try RoomsAPI(services: services).list(call)
        },
        Route(.post, "/api/rooms", .ordinary) { services, call throws(APIFault) in
            try RoomsAPI(services: services).create(call)
        },
        Route(.get, "/api/rooms/{room_id}", .ordinary) { services, call throws(APIFault) in
            try RoomsAPI(services: services).show(call)
        },
        Route(.delete, "/api/rooms/{room_id}", .essential) { services, call throws(APIFault) in
            try RoomsAPI(services: services).delete(call)
        },
        Route(.get, "/api/rooms/{room_id}/users", .list) { services, call throws(APIFault) in
            try RoomsAPI(services: services).users(call)
        },
        Route(.get, "/api/rooms/{room_id}/messages", .ordinary) { services, call throws(APIFault) in
            try RoomsAPI(services: services).history(call)
        },
        Route(.post, "/api/rooms/{room_id}/messages", .essential, sheddable: .messages) {
            services, call throws(APIFault) in
            try RoomsAPI(services: services).publish(call)
        },
    ]

    private static let users: [Route] = [
        Route(.get, "/api/users", .list) { services, call throws(APIFault) in
            try UsersAPI(services: services).list(call)
        },
        Route(.get, "/api/users/{user_id}", .ordinary) { services, call throws(APIFault) in
            try UsersAPI(services: services).show(call)
        },
        Route(.post, "/api/users/{user_id}/messages", .essential, sheddable: .directs) {
            services, call throws(APIFault) in
            try UsersAPI(services: services).publish(call)
        },
        Route(.delete, "/api/users/{user_id}/connections", .essential) { services, call throws(APIFault) in
            try UsersAPI(services: services).removeConnections(call)
        },
        Route(.put, "/api/users/{user_id}/rooms/{room_id}", .ordinary) { services, call throws(APIFault) in
            try UsersAPI(services: services).order(call, isEntry: true)
        },
        Route(.delete, "/api/users/{user_id}/rooms/{room_id}", .essential) { services, call throws(APIFault) in
            try UsersAPI(services: services).order(call, isEntry: false)
        },
        Route(.post, "/api/publish", .essential) { services, call throws(APIFault) in
            try PublishAPI(services: services).publish(call)
        },
    ]

    private static let links: [Route] = [
        Route(.get, "/api/links", .ordinary) { services, call throws(APIFault) in
            try LinksAPI(services: services).list(call)
        },
        Route(.post, "/api/links", .ordinary) { services, call throws(APIFault) in
            try LinksAPI(services: services).create(call)
        },
        Route(.get, "/api/links/{id}", .ordinary) { services, call throws(APIFault) in
            try LinksAPI(services: services).show(call)
        },
        Route(.delete, "/api/links/{id}", .essential) { services, call throws(APIFault) in
            try LinksAPI(services: services).delete(call)
        },
        Route(.post, "/api/links/{id}/enable", .ordinary) { services, call throws(APIFault) in
            try LinksAPI(services: services).enable(call, true)
        },
        Route(.post, "/api/links/{id}/disable", .ordinary) { services, call throws(APIFault) in
            try LinksAPI(services: services).enable(call, false)
        },
    ]

    private static let system: [Route] = [
        Route(.get, "/health", .essential) { services, _ in SystemAPI(services: services).health() },
        Route(.get, "/ready", .essential) { services, _ in SystemAPI(services: services).ready() },
        Route(.get, "/api/nodes", .list) { services, _ in SystemAPI(services: services).nodes() },
        Route(.get, "/api/system/status", .essential) { services, _ in SystemAPI(services: services).status() },
        Route(.put, "/api/system/tier", .essential) { services, call throws(APIFault) in
            try SystemAPI(services: services).setTier(call)
        },
        Route(.get, "/api/system/governor/trace", .essential) { services, call throws(APIFault) in
            try SystemAPI(services: services).trace(call)
        },
        Route(.get, "/api/system/events", .essential) { SystemAPI(services: $0).events($1) },
        Route(.get, "/metrics", .essential) { services, _ in SystemAPI(services: services).metrics() },
    ]

    private static let pages: [Route] = [
        Route(.get, "/", .page) { services, _ in PagesAPI(services: services).file("home.html") },
        Route(.get, "/chat/{room_id}", .page) { services, call throws(APIFault) in
            try PagesAPI(services: services).chatPage(call)
        },
        Route(.get, "/status", .page) { services, _ in PagesAPI(services: services).file("status.html") },
        Route(.get, "/links", .page) { services, _ in PagesAPI(services: services).file("links.html") },
        Route(.get, "/docs", .page) { services, _ in PagesAPI(services: services).file("docs.html") },
        Route(.get, "/openapi.json", .page) { services, _ in PagesAPI(services: services).file("openapi.json") },
        Route(.get, "/client.js", .page) { services, _ in PagesAPI(services: services).file("client.js") },
        Route(.get, "/assets/{file}", .page) { services, call in PagesAPI(services: services).file(call.parameters[0])
        },
    ]
}
