import Overload
import WireProtocol

/// Decides who answers a request: by origin, API key, path and method, and by the present load.
///
/// A value without state of its own. Thread: that of its services' worker.
struct Router {
    /// Seconds after which a client that gets a 503 should try again: a node stays at the heavy tier for at least that
    /// long.
    private static let retrySeconds = 10

    let services: any APIServices

    /// Finds out from whom a request comes.
    func identify(_ call: inout HTTPCall) {
        let request = call.request
        let fields = TrustedProxies.Fields(
            forwarded: request.header("forwarded"), forwardedFor: request.header("x-forwarded-for"),
            realIP: request.header("x-real-ip"))
        let address = services.configuration.trustedProxies.effectiveAddress(peer: call.peer, fields)
        call.client = Client(address: address ?? call.peer, isKnown: address != nil)
    }

    /// Decides what a request's head alone decides, before its body is read: nil, with the route in the call, or the
    /// answer.
    func admit(_ call: inout HTTPCall) -> HTTPResponse? {
        let (refusal, method, path) = (refusal(of: &call), call.request.method, call.request.path)
        let incidents = services.context.incidents
        switch refusal?.status {
        case 401?, 403?, 429?:
            incidents.refused(
                refusal?.status ?? 0, method: method.name, path: path, call.client, at: services.now)
        case nil where method == .delete || method == .put:
            incidents.operated(method: method.name, path: path, call.client, at: services.now)
        default: break
        }
        return refusal?.adding(call.crossOriginHeaders).readable(in: call.request.errorPage)
    }

    private func refusal(of call: inout HTTPCall) -> HTTPResponse? {
        let request = call.request
        let key = request.header("x-api-key")
        // Where tokens are asked for, that of an upgrade is no try at a key.
        let isToken = call.isUpgrade && services.context.access.asksForTokens
        let authorization = isToken ? nil : request.header("authorization")
        let access = services.context.access
        if let retry = refusesKey(&call, access.showing(apiKey: key, authorization: authorization)) {
            return .rateLimited("this address has shown wrong API keys", retryMilliseconds: retry)
        }
        if !call.showsKey,
            let retry = services.context.budgets.addresses.refusesRequest(of: call.client, at: services.now)
        {
            return .rateLimited(AddressLimits.requestsText, retryMilliseconds: retry)
        }
        if let retry = refusesTurn(of: call) {
            services.counters.refused(.heaviest)
            return .rateLimited("\(WorkerCore.noTurnText)", retryMilliseconds: retry)
        }
        if let hosts = services.configuration.allowedHosts, !hosts.contains(request.host) {
            return .error(421, "bad_request", "this node does not answer for the host of the request")
        }
        if let refused = refusalByOrigin(&call) { return refused }
        if let refused = refusalByPlace(call) { return refused }
        if request.method == .options { return CrossOrigin.preflight(Route.allowedMethods(request.path)) }
        let requirement = AccessPolicy.Requirement(method: request.method.name, path: request.path)
        let decision = access.decide(
            requirement, apiKey: key, authorization: authorization, isThisMachine: call.isThisMachine)
        switch decision {
        case .allowed: return refusalByRoute(&call)
        case .unauthorized:
            return .error(
                401, "unauthorized", "the API key is missing or wrong: send X-API-Key or Authorization: Bearer",
                headers: [("WWW-Authenticate", "Bearer")])
        case .forbidden: return .operatorsOnly
        }
    }

    /// Takes down whether a key was shown. An address that has shown wrong ones too often gets no answer to any key for
    /// a while, so that it does not learn which one is right: then milliseconds after which it may come again.
    private func refusesKey(_ call: inout HTTPCall, _ showing: APIKeyGate.Showing) -> Int? {
        guard showing != .nothing else { return nil }
        let addresses = services.context.budgets.addresses
        let retry = addresses.refusesKey(of: call.client, isRight: showing == .key, at: services.now)
        if let retry { return retry }
        call.showsKey = showing == .key
        return nil
    }

    /// Whether the load has no turn for the address, as that is the heaviest source. Operators see and steer at any
    /// load.
    private func refusesTurn(of call: HTTPCall) -> Int? {
        guard services.load.controller.turns.isLimiting, !call.isProbe, !call.isOperating, !call.hadTurn else {
            return nil
        }
        let address = call.client.address
        return services.load.controller.turns.refuses(
            .requests(address), user: nil, address: address, using: &services.random)
    }

    private func refusalByOrigin(_ call: inout HTTPCall) -> HTTPResponse? {
        let request = call.request
        guard let origin = request.header("origin") else { return nil }
        switch services.configuration.originPolicy.decide(origin: origin, host: request.host) {
        case .own: return nil
        case .foreign(let allowOrigin):
            call.crossOriginHeaders = CrossOrigin.headers(allowOrigin)
            return nil
        case .refused:
            // A browser keeps the answer of a mere read from a page that may not have it.
            let isRead = request.method == .get || request.method == .head
            return isRead && !call.isUpgrade ? nil : .error(403, "forbidden", "the origin \(origin) is not allowed")
        }
    }

    /// A WebSocket hears it by its close code, because a browser hides an HTTP status.
    private func refusalByPlace(_ call: HTTPCall) -> HTTPResponse? {
        guard let refusal = call.place.refusal, !call.isUpgrade else { return nil }
        if call.place == .addressFull {
            services.counters.refused(refusal)
            return .rateLimited("this address has as many connections as it may", retryMilliseconds: 5_000)
        }
        guard !call.isThisMachine, !call.isProbe else { return nil }
        services.counters.refused(refusal)
        return .unavailable("the node has as many connections as it takes", retrySeconds: 5)
    }

    private func refusalByRoute(_ call: inout HTTPCall) -> HTTPResponse? {
        let request = call.request
        switch Route.find(request.method, request.path, servesEcho: services.configuration.servesEcho) {
        case .found(let route, let parameters):
            if route.takesBody, request.hasBody, request.mediaType != "application/json" {
                return .error(415, "unsupported_media_type", "the body must be application/json")
            }
            if case .essential = services.load.policy.http, route.importance != .essential {
                services.counters.shed(.http)
                return .unavailable("the node is under heavy load", retrySeconds: Self.retrySeconds)
            }
            if let priority = route.priority, !services.load.controller.admission.admits(priority) {
                return shed(priority)
            }
            (call.route, call.parameters) = (route, parameters)
            return nil
        case .otherMethods(let allowed):
            return .error(
                405, "method_not_allowed", "\(request.method.name) is not possible here; allowed: \(allowed)",
                headers: [("Allow", allowed)])
        case .unknownMethod:
            return .error(501, "method_not_allowed", "the method \(request.method.name) is not known")
        case .unknownPath: return .error(404, "not_found", "there is nothing at this path")
        }
    }

    /// The worker has no time for what is published by HTTP, as for what comes by WebSocket.
    func shed(_ priority: Admission.Priority) -> HTTPResponse {
        services.counters.shed(priority == .directs ? .directs : .messages)
        let retry = services.load.controller.retryMilliseconds(after: priority, using: &services.random)
        return .unavailable("\(LoadControl.tooMuchText)", retrySeconds: max(1, (retry + 999) / 1000))
    }

    /// The answer to a whole request that was admitted. An answer that comes later goes through `complete`.
    func reply(to call: HTTPCall) -> Reply {
        guard let route = call.route else { preconditionFailure("a request is admitted before it is answered") }
        switch reply(of: route, call).adding(call.crossOriginHeaders) {
        case .now(let response):
            return .now(response.negotiated(for: call.request).readable(in: call.request.errorPage))
        case .later(var completion, let work):
            completion.errorPage = call.request.errorPage
            return .later(completion, work)
        case let other: return other
        }
    }

    /// Completes an answer that came later; keeps it for others, when the tier lets them have it.
    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse {
        if let target = completion.keptTarget { keep(response, for: target) }
        return response.adding(completion.crossOriginHeaders).readable(in: completion.errorPage)
    }

    // MARK: Load

    /// The reply of a route's handler, or the one that the tier asks for instead.
    private func reply(of route: Route, _ call: HTTPCall) -> Reply {
        switch services.load.policy.http {
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
            let reply = try route.handle(services, call)
            guard case .later(let completion, let work) = reply, call.request.method.isRead else { return reply }
            // Answers to reads are large: they take turns.
            return .later(completion) { [services] responder in
                services.read(by: responder.socketKey, of: call.client.address, bytesMax: completion.bytesMax) {
                    work(responder)
                }
            }
        } catch {
            return .now(error.response)
        }
    }

    private func keep(_ response: HTTPResponse, for target: String) {
        guard response.status == 200 else { return }
        services.load.answers.keep(response, for: target, at: services.now)
    }
}

extension HTTPResponse {
    /// 403 where only this machine may.
    static let operatorsOnly = error(403, "forbidden", "without an API_KEY only clients on this machine may do that")
}

extension HTTPMethod {
    fileprivate var isRead: Bool { self == .get || self == .head }
}

extension HTTPCall {
    /// Whether somebody looks whether the node lives.
    fileprivate var isProbe: Bool { request.path == ["health"] || request.path == ["ready"] }

    /// Whether it is about the node itself.
    fileprivate var isOperating: Bool { request.path.starts(with: ["api", "system"]) || request.path == ["metrics"] }

    /// Whether the path is one at which a WebSocket is opened.
    fileprivate var isUpgrade: Bool { request.path.first == "ws" || request.path == ["echo"] }
}
