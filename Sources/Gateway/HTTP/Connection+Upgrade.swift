import Foundations
import NetworkIO
import WireProtocol

// The opening handshake on the HTTP side.
extension Connection {
    /// `GET /ws/{room_id}/{user_id}`
    func upgrade(_ call: HTTPCall, _ path: [String]) {
        let upgrade: WebSocketUpgrade
        switch WebSocketHandshake.evaluate(call.request) {
        case .failure(let refusal):
            return answer(refusalResponse(refusal))
        case .success(let accepted):
            upgrade = accepted
        }
        let opening: Opening
        do {
            opening = try Opening(call.request, room: path[0], user: path[1])
        } catch {
            return answer(.error(400, "bad_request", error.message))
        }
        guard !core.context.isDraining else { return refuseWhileDraining() }
        let wantsEcho = call.request.queryValue("echo") == "1"
        switch letsIn(opening) {
        case .admitted: break
        case .refused(let retry):
            switchProtocols(upgrade)
            return refuseAsShed(opening, retryMilliseconds: retry)
        case .turnedAway(let retry):
            return turnAway(retryMilliseconds: retry)
        }
        switchProtocols(upgrade)
        open(opening, wantsEcho: wantsEcho, address: call.client)
    }

    /// `GET /echo`
    func upgradeToEcho(_ call: HTTPCall) {
        switch WebSocketHandshake.evaluate(call.request) {
        case .failure(let refusal):
            answer(refusalResponse(refusal))
        case .success(let upgrade):
            guard !core.context.isDraining else { return refuseWhileDraining() }
            switchProtocols(upgrade)
            phase = .echo
            beginHeartbeat()
            endWait()
        }
    }

    private func refuseWhileDraining() {
        core.counters.refused(.draining)
        answer(.unavailable("the node is draining", retrySeconds: 1))
    }

    private func refusalResponse(_ refusal: WebSocketRefusal) -> HTTPResponse {
        let failure = refusal.failure
        return .error(failure.status, failure.code, failure.message, headers: refusal.headers)
    }

    private func switchProtocols(_ upgrade: WebSocketUpgrade) {
        var bytes: [UInt8] = []
        let accept = core.handshakeDigest.accept(key: upgrade.key, suffix: WebSocketHandshake.acceptSuffix)
        let spoken = upgrade.protocols.contains("sluice.v1") ? "sluice.v1" : nil
        let deflate = core.configuration.compresses ? DeflateAgreement(offers: upgrade.extensions) : nil
        if let deflate { windowBits = deflate.windowBits }
        WebSocketHandshake.acceptResponse(accept: accept, subprotocol: spoken, deflate: deflate, into: &bytes)
        sendBytes(bytes)
    }
}

/// Why the path or query of an upgrade is refused.
struct BadRequest: Error {
    let message: String
}

extension Opening {
    /// Checks the path and query of an upgrade.
    convenience init(_ request: HTTPRequest, room: String, user: String) throws(BadRequest) {
        let position: Position?
        switch (request.queryValue("since"), request.queryValue("epoch")) {
        case (nil, nil): position = nil
        case (let since?, let epoch?):
            guard let seq = UInt64(since), seq <= 9_007_199_254_740_991, since.utf8.allSatisfy({ $0 >= 0x30 }) else {
                throw BadRequest(message: "since must be a whole number from 0")
            }
            position = Position(epoch: epoch, seq: seq)
        default: throw BadRequest(message: "since and epoch need each other")
        }
        let type = request.queryValue("device_type")
        if let type, !Array(type.utf8).withUnsafeBytes(TypeName.isValid) {
            throw BadRequest(message: "device_type: \(TypeName.rule)")
        }
        for name in ["device", "device_type", "since", "epoch", "echo"] where request.queryCount(name) > 1 {
            throw BadRequest(message: "\(name) stands more than once")
        }
        let echo = request.queryValue("echo")
        guard echo == nil || echo == "0" || echo == "1" else { throw BadRequest(message: "echo must be 0 or 1") }
        self.init(
            room: try Identifier(named: "room_id", room), user: try Identifier(named: "user_id", user),
            device: try request.queryValue("device").map { text throws(BadRequest) in
                try Identifier(named: "device", text)
            },
            deviceType: type, position: position)
    }
}

extension Identifier {
    /// Checks an identifier that a request names.
    init(named name: String, _ text: String) throws(BadRequest) {
        guard let valid = Identifier(validating: text) else {
            throw BadRequest(message: "\(name): \(Identifier.rule)")
        }
        self = valid
    }
}
