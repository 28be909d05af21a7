import Foundations
import NetworkIO
import WireProtocol

// The HTTP phase: reading requests, routing, answering.
extension Connection {
    /// Bytes up to which an answer is copied into memory that others use too.
    private static let sharedBytesMax = 4096

    /// Takes up to one request from the front of `bytes`; returns how many bytes that were.
    func processHTTP(_ bytes: UnsafeMutableRawBufferPointer, _ exchange: HTTPExchange) -> Int {
        let (consumed, event) = exchange.parser.consume(UnsafeRawBufferPointer(bytes))
        switch event {
        case .incomplete:
            watchProgress(exchange)
        case .expectsContinue:
            sendBytes(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        case .request(let request):
            exchange.deadline = nil
            exchange.current = request
            // What is pipelined behind it waits for the answer.
            wait = Wait()
            handle(request, exchange)
        case .failed(let failure):
            respond(.failure(failure), to: nil, keepsAlive: false)
            phase = .discarding
            endAfterFlush()
            loop.schedule(self, at: loop.now + 2_000)
        }
        return consumed
    }

    /// A head has 10 s from its first byte (the first one from the connection's start), a body 30 s from its head.
    private func watchProgress(_ exchange: HTTPExchange) {
        if exchange.deadline == nil, exchange.parser.isMidRequest {
            exchange.deadline = loop.now + HTTPExchange.headMilliseconds
        }
        if exchange.parser.isReadingBody, !exchange.isReadingBody {
            exchange.isReadingBody = true
            exchange.deadline = loop.now + HTTPExchange.bodyMilliseconds
        }
        if let deadline = exchange.deadline {
            loop.schedule(self, at: exchange.isReadingBody ? deadline : min(deadline, exchange.firstDeadline))
        }
    }

    func httpTimerFired(_ exchange: HTTPExchange) {
        // A request that is being answered, or answers that are being taken, are not idle.
        if exchange.current != nil || queuedBytes > 0 {
            loop.schedule(self, at: loop.now + HTTPExchange.idleMilliseconds)
            return
        }
        if exchange.parser.isMidRequest {
            let failure = HTTPFailure(
                status: 408, code: "bad_request", message: "the request did not arrive in time")
            respond(.failure(failure), to: nil, keepsAlive: false)
            phase = .discarding
            endAfterFlush()
            loop.schedule(self, at: loop.now + 2_000)
        } else {
            close()
        }
    }

    /// The node drains: a connection without a request is closed, one with a request after its answer.
    func closeIdleHTTP(_ exchange: HTTPExchange) {
        if exchange.current == nil, !exchange.parser.isMidRequest { endAfterFlush() }
    }

    // MARK: Answering

    /// Answers the current request. Answers may come later, as long as the connection is there.
    func answer(_ response: HTTPResponse) {
        guard case .http(let exchange) = phase, let request = exchange.current else { return }
        keep(response, exchange)
        var response = response
        response.headers.append(contentsOf: exchange.crossOriginHeaders)
        let keepsAlive = request.keepsAlive && !worker.context.isDraining
        respond(response, to: request, keepsAlive: keepsAlive)
        exchange.reset()
        guard keepsAlive else {
            phase = .discarding
            wait = nil
            endAfterFlush()
            loop.schedule(self, at: loop.now + 2_000)
            return
        }
        loop.schedule(self, at: loop.now + HTTPExchange.idleMilliseconds)
        endWait()
    }

    private func respond(_ response: HTTPResponse, to request: HTTPRequest?, keepsAlive: Bool) {
        var bytes: [UInt8] = []
        response.encode(
            into: &bytes, keepAlive: keepsAlive, isHead: request?.method == .head,
            minorVersion: request?.minorVersion ?? 1)
        sendBytes(bytes)
    }

    func sendBytes(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            // What is small shares its memory, and its packet, with the frames of this turn.
            if bytes.count <= Self.sharedBytesMax {
                send(core.scratch.copy(bytes))
            } else {
                send(FrameBuffer(copying: bytes))
            }
        }
    }

    // MARK: Deciding

    private func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) {
        let configuration = worker.configuration
        let client = configuration.trustedProxies.effectiveAddress(
            peer: exchange.peer, forwardedFor: request.header("x-forwarded-for"),
            realIP: request.header("x-real-ip"))
        let isUpgrade = request.path.first == "ws" || request.path == ["echo"]
        if let origin = request.header("origin") {
            switch configuration.originPolicy.decide(origin: origin, host: request.host) {
            case .own: break
            case .foreign(let allowOrigin):
                exchange.crossOriginHeaders = CrossOrigin.headers(allowOrigin)
            case .refused where isUpgrade || (request.method != .get && request.method != .head):
                return answer(.error(403, "forbidden", "the origin \(origin) is not allowed"))
            case .refused: break
            }
        }
        if request.method == .options { return answer(CrossOrigin.preflight(Route.allowedMethods(request.path))) }
        let requirement = AccessPolicy.Requirement(method: request.method.name, path: request.path)
        let decision = worker.context.access.decide(
            requirement, apiKey: request.header("x-api-key"), authorization: request.header("authorization"),
            client: client)
        switch decision {
        case .unauthorized:
            return answer(
                .error(
                    401, "unauthorized", "the API key is missing or wrong: send X-API-Key or Authorization: Bearer",
                    headers: [("WWW-Authenticate", "Bearer")]))
        case .forbidden:
            return answer(
                .error(403, "forbidden", "without an API_KEY only clients on this machine may do that"))
        case .allowed:
            break
        }
        let call = HTTPCall(request: request, client: client, key: key)
        switch Route.find(request.method, request.path, configuration) {
        case .found(let route, let parameters):
            if !isShed(route, call, exchange) { route.handle(self, call, parameters) }
        case .otherMethods(let allowed):
            answer(
                .error(
                    405, "method_not_allowed", "\(request.method.name) is not possible here; allowed: \(allowed)",
                    headers: [("Allow", allowed)]))
        case .unknownMethod:
            answer(.error(501, "method_not_allowed", "the method \(request.method.name) is not known"))
        case .unknownPath:
            answer(.error(404, "not_found", "there is nothing at this path"))
        }
    }
}

/// One request with what was found out about it.
struct HTTPCall: Sendable {
    let request: HTTPRequest
    /// The effective address.
    let client: IPAddress
    /// The connection's key.
    let key: UInt64
}
