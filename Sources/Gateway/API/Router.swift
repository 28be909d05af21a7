import WireProtocol

/// Decides who answers a request: by origin, API key, path and method, and by the present load.
///
/// A value without state of its own. Thread: that of its services' worker.
struct Router {
    /// Seconds after which a client that gets a 503 should try again: a node stays at the heavy tier for at least that
    /// long.
    private static let retrySeconds = 10

    let services: any APIServices

    /// The answer to a request. An answer that comes later goes through `complete`.
    func route(_ call: HTTPCall) -> Reply {
        let request = call.request
        guard let origin = request.header("origin") else { return replyToAllowedOrigin(call) }
        switch services.configuration.originPolicy.decide(origin: origin, host: request.host) {
        case .own: return replyToAllowedOrigin(call)
        case .foreign(let allowOrigin):
            return replyToAllowedOrigin(call).adding(CrossOrigin.headers(allowOrigin))
        case .refused:
            // A browser keeps the answer of a mere read from a page that may not have it.
            let isRead = request.method == .get || request.method == .head
            guard isRead, !call.isUpgrade else {
                return .now(.error(403, "forbidden", "the origin \(origin) is not allowed"))
            }
            return replyToAllowedOrigin(call)
        }
    }

    /// Completes an answer that came later; keeps it for others, when the tier lets them have it.
    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse {
        if let target = completion.keptTarget { keep(response, for: target) }
        return response.adding(completion.crossOriginHeaders)
    }

    private func replyToAllowedOrigin(_ call: HTTPCall) -> Reply {
        let request = call.request
        if request.method == .options { return .now(CrossOrigin.preflight(Route.allowedMethods(request.path))) }
        var call = call
        call.client = services.configuration.trustedProxies.effectiveAddress(
            peer: call.peer, forwardedFor: request.header("x-forwarded-for"), realIP: request.header("x-real-ip"))
        let requirement = AccessPolicy.Requirement(method: request.method.name, path: request.path)
        let decision = services.context.access.decide(
            requirement, apiKey: request.header("x-api-key"), authorization: request.header("authorization"),
            client: call.client)
        switch decision {
        case .allowed: return replyOfRoute(call)
        case .unauthorized:
            return .now(
                .error(
                    401, "unauthorized", "the API key is missing or wrong: send X-API-Key or Authorization: Bearer",
                    headers: [("WWW-Authenticate", "Bearer")]))
        case .forbidden:
            return .now(.error(403, "forbidden", "without an API_KEY only clients on this machine may do that"))
        }
    }

    private func replyOfRoute(_ call: HTTPCall) -> Reply {
        let method = call.request.method
        switch Route.find(method, call.request.path, servesEcho: services.configuration.servesEcho) {
        case .found(let route, let parameters):
            var call = call
            call.parameters = parameters
            return reply(of: route, call)
        case .otherMethods(let allowed):
            return .now(
                .error(
                    405, "method_not_allowed", "\(method.name) is not possible here; allowed: \(allowed)",
                    headers: [("Allow", allowed)]))
        case .unknownMethod:
            return .now(.error(501, "method_not_allowed", "the method \(method.name) is not known"))
        case .unknownPath:
            return .now(.error(404, "not_found", "there is nothing at this path"))
        }
    }

    // MARK: Load

    /// The reply of a route's handler, or the one that the tier asks for instead.
    private func reply(of route: Route, _ call: HTTPCall) -> Reply {
        switch services.load.policy.http {
        case .essential where route.importance != .essential:
            services.counters.shed(.http)
            return .now(.unavailable("the node is under heavy load", retrySeconds: Self.retrySeconds))
        case .cachedLists(let milliseconds) where route.importance == .list,
            .cachedReads(let milliseconds) where route.importance == .list || route.importance == .page:
            return copiedReply(of: route, call, ageMax: milliseconds)
        case .all, .essential, .cachedLists, .cachedReads: return freshReply(of: route, call)
        }
    }

    /// A kept answer of at most that age (milliseconds); when there is none, a fresh one, which is kept.
    private func copiedReply(of route: Route, _ call: HTTPCall, ageMax: Int) -> Reply {
        let target = call.request.target
        if let copy = services.load.answers.find(target, ageMax: ageMax, at: services.now) {
            services.counters.shed(.http)
            return .now(copy)
        }
        switch freshReply(of: route, call) {
        case .now(let response):
            keep(response, for: target)
            return .now(response)
        case .later(var completion, let work):
            completion.keptTarget = target
            return .later(completion, work)
        case let other: return other
        }
    }

    private func freshReply(of route: Route, _ call: HTTPCall) -> Reply {
        do {
            return try route.handle(services, call)
        } catch {
            return .now(error.response)
        }
    }

    private func keep(_ response: HTTPResponse, for target: String) {
        guard response.status == 200 else { return }
        services.load.answers.keep(response, for: target, at: services.now)
    }
}

extension HTTPCall {
    /// Whether the path is one at which a WebSocket is opened.
    fileprivate var isUpgrade: Bool { request.path.first == "ws" || request.path == ["echo"] }
}
