import Foundations
import WireProtocol

/// One path and method of the HTTP API, and what answers it. `/openapi.json` lists just these; a test holds the two
/// together.
struct Route: Sendable {
    typealias Handler = @Sendable (Connection, HTTPCall, [String]) -> Void

    let method: HTTPMethod
    /// As in OpenAPI: `/api/rooms/{room_id}`.
    let path: String
    let handle: Handler
    let importance: Importance
    private let segments: [Segment]

    /// What becomes of a request under load.
    enum Importance: Sendable {
        /// Answered at every tier.
        case essential
        /// Answered from a copy at higher tiers, and with 503 at heavy: the same for everybody, and read only.
        case list, page
        /// Answered with 503 at heavy.
        case ordinary
    }

    private enum Segment: Sendable {
        case fixed(String)
        case parameter
    }

    init(_ method: HTTPMethod, _ path: String, _ importance: Importance, _ handle: @escaping Handler) {
        self.method = method
        self.importance = importance
        self.path = path
        self.handle = handle
        segments = path.split(separator: "/").map { $0.hasPrefix("{") ? .parameter : .fixed(String($0)) }
    }

    /// The values of the path's parameters, if it matches.
    private func match(_ path: [String]) -> [String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String] = []
        for (segment, value) in zip(segments, path) {
            switch segment {
            case .fixed(let wanted): if wanted != value { return nil }
            case .parameter where value.isEmpty: return nil
            case .parameter: parameters.append(value)
            }
        }
        return parameters
    }

    enum Finding {
        case found(Route, [String])
        /// The path is there, with these methods.
        case otherMethods(String)
        case unknownMethod
        case unknownPath
    }

    static func find(_ method: HTTPMethod, _ path: [String], _ configuration: Configuration) -> Finding {
        if case .other = method { return .unknownMethod }
        let wanted = method == .head ? .get : method
        var isKnownPath = false
        for route in routes(configuration) {
            guard let parameters = route.match(path) else { continue }
            if route.method == wanted { return .found(route, parameters) }
            isKnownPath = true
        }
        return isKnownPath ? .otherMethods(allowedMethods(path)) : .unknownPath
    }

    /// The value of `Allow` for a path.
    static func allowedMethods(_ path: [String]) -> String {
        var names: [String] = []
        for route in all where route.match(path) != nil { names.append(route.method.name) }
        if names.contains("GET") { names.insert("HEAD", at: 1) }
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }

    private static func routes(_ configuration: Configuration) -> [Route] {
        configuration.servesEcho ? all + [echo] : all
    }

    private static let echo = Route(.get, "/echo", .essential) { connection, call, _ in connection.upgradeToEcho(call) }

    static let all: [Route] = [
        Route(.get, "/ws/{room_id}/{user_id}", .essential) { connection, call, path in connection.upgrade(call, path) },
        Route(.get, "/health", .essential) { connection, _, _ in connection.answerHealth() },
        Route(.get, "/ready", .essential) { connection, _, _ in connection.answerReady() },
        Route(.get, "/api/rooms", .list) { connection, call, _ in connection.listRooms(call) },
        Route(.post, "/api/rooms", .ordinary) { connection, call, _ in connection.createRoom(call) },
        Route(.get, "/api/rooms/{room_id}", .ordinary) { connection, call, path in connection.showRoom(call, path) },
        Route(.delete, "/api/rooms/{room_id}", .essential) { connection, call, path in connection.deleteRoom(call, path)
        },
        Route(.get, "/api/rooms/{room_id}/users", .list) { connection, call, path in connection.listUsers(call, path) },
        Route(.get, "/api/rooms/{room_id}/messages", .ordinary) { connection, call, path in
            connection.showHistory(call, path)
        },
        Route(.post, "/api/rooms/{room_id}/messages", .essential) { connection, call, path in
            connection.publishToRoom(call, path)
        },
        Route(.get, "/api/users/{user_id}", .ordinary) { connection, call, path in connection.showUser(call, path) },
        Route(.post, "/api/users/{user_id}/messages", .essential) { connection, call, path in
            connection.publishToUser(call, path)
        },
        Route(.delete, "/api/users/{user_id}/connections", .essential) { connection, call, path in
            connection.removeUser(call, path)
        },
        Route(.get, "/api/nodes", .list) { connection, _, _ in connection.listNodes() },
        Route(.get, "/api/system/status", .essential) { connection, _, _ in connection.answerStatus() },
        Route(.put, "/api/system/tier", .essential) { connection, call, _ in connection.setTier(call) },
        Route(.get, "/api/system/events", .essential) { connection, call, _ in connection.streamEvents(call) },
        Route(.get, "/metrics", .essential) { connection, _, _ in connection.answerMetrics() },
        Route(.get, "/", .page) { connection, _, _ in connection.answerFile("home.html") },
        Route(.get, "/chat/{room_id}", .page) { connection, call, path in connection.answerChatPage(path) },
        Route(.get, "/status", .page) { connection, _, _ in connection.answerFile("status.html") },
        Route(.get, "/docs", .page) { connection, _, _ in connection.answerFile("docs.html") },
        Route(.get, "/openapi.json", .page) { connection, _, _ in connection.answerFile("openapi.json") },
        Route(.get, "/client.js", .page) { connection, _, _ in connection.answerFile("client.js") },
        Route(.get, "/assets/{file}", .page) { connection, _, path in connection.answerFile(path[0]) },
    ]
}
