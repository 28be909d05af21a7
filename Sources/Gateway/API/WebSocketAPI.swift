import Core
import Overload
import WireProtocol

/// The opening handshake: `/ws/{room_id}/{user_id}` and `/echo`.
struct WebSocketAPI {
    let services: any APIServices

    /// `GET /ws/{room_id}/{user_id}`
    func upgrade(_ call: HTTPCall) throws(APIFault) -> Reply {
        let handshake: WebSocketUpgrade
        switch WebSocketHandshake.evaluate(call.request) {
        case .failure(let refusal): return .now(refusal.response)
        case .success(let accepted): handshake = accepted
        }
        var opening = try Opening(call)
        guard !services.context.isDraining else { return draining }
        let entry: Upgrade.Entry
        switch decide(opening) {
        case .admitted:
            if case .resumesOnly = services.load.policy.newConnections { opening.isLetInToResume = true }
            entry = try self.entry(of: opening, call)
        case .refused(let range): entry = .shed(retryMilliseconds: Int.random(in: range, using: &services.random))
        case .turnedAway(let range):
            let retry = Int.random(in: range, using: &services.random)
            return .now(
                .unavailable("the node lets nobody new in at present", retrySeconds: (retry + 999) / 1000))
        }
        return .upgrade(
            Upgrade(
                handshake: handshake, opening: opening, wantsEcho: call.request.queryValue("echo") == "1",
                place: call.place, entry: entry))
    }

    /// Looks at the token, where the node asks for one: the last thing, as it costs the most.
    private func entry(of opening: Opening, _ call: HTTPCall) throws(APIFault) -> Upgrade.Entry {
        let inQuery = call.request.queryValue("token")
        guard call.request.queryCount("token") < 2 else { throw .bad("token stands more than once") }
        guard let gate = services.tokens else { return .admitted(nil) }
        let inHeader = call.request.header("authorization").flatMap(BearerCredentials.find)
        let token = inQuery.map { Array($0.utf8) } ?? inHeader.map(Array.init) ?? []
        do throws(TokenRefusal) {
            return .admitted(
                try gate.check(token, user: opening.user, room: opening.room, at: services.unixNow))
        } catch {
            services.counters.refused(error.kind)
            return .refused(error)
        }
    }

    /// `GET /echo`
    func echo(_ call: HTTPCall) -> Reply {
        switch WebSocketHandshake.evaluate(call.request) {
        case .failure(let refusal): return .now(refusal.response)
        case .success(let handshake):
            return services.context.isDraining ? draining : .echo(handshake)
        }
    }

    /// Whether the present load lets somebody in; a refusal is counted.
    private func decide(_ opening: Opening) -> ConnectionGate.Decision {
        let resumes = opening.position != nil
        let isShedding = !resumes && !services.load.controller.admission.admits(.joins)
        let decision = services.load.gate.decide(resumes: resumes, isShedding: isShedding, at: services.now)
        if decision != .admitted {
            services.counters.shed(.connections)
            services.counters.refused(.shed)
        }
        return decision
    }

    private var draining: Reply {
        services.counters.refused(.draining)
        return .now(.unavailable("the node is draining", retrySeconds: 1))
    }
}

extension WebSocketRefusal {
    fileprivate var response: HTTPResponse {
        .error(failure.status, failure.code, failure.message, headers: headers)
    }
}

extension Opening {
    /// Checks the path and query of an upgrade.
    fileprivate init(_ call: HTTPCall) throws(APIFault) {
        let request = call.request
        let position: Position?
        switch (request.queryValue("since"), request.queryValue("epoch")) {
        case (nil, nil): position = nil
        case (let since?, let epoch?):
            guard let seq = UInt64(since), seq <= 9_007_199_254_740_991, since.utf8.allSatisfy({ $0 >= 0x30 }) else {
                throw .bad("since must be a whole number from 0")
            }
            position = Position(epoch: epoch, seq: seq)
        default: throw .bad("since and epoch need each other")
        }
        let type = request.queryValue("device_type")
        if let type, !Array(type.utf8).withUnsafeBytes(TypeName.isValid) {
            throw .bad("device_type: \(TypeName.rule)")
        }
        for name in ["device", "device_type", "since", "epoch", "echo"] where request.queryCount(name) > 1 {
            throw .bad("\(name) stands more than once")
        }
        let echo = request.queryValue("echo")
        guard echo == nil || echo == "0" || echo == "1" else { throw .bad("echo must be 0 or 1") }
        self.init(
            room: try call.identifier("room_id", at: 0), user: try call.identifier("user_id", at: 1),
            device: try request.queryValue("device").map { text throws(APIFault) in
                try Identifier(named: "device", text)
            },
            deviceType: type, position: position)
    }
}
