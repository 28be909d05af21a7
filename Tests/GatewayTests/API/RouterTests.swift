import Foundation
import Overload
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("Routes of the HTTP API")
struct RouterTests {
    @Test("A path that no route has is answered with 404", arguments: ["/nothing", "/api/rooms/", "//", "/echo"])
    func unknownPath(path: String) throws {
        let answer = try FakeServices().answer("GET", path)
        #expect(answer.status == 404 && answer.text.contains(#""code":"not_found""#))
    }

    @Test("A method that a path does not have is answered with 405 and the methods that it has")
    func otherMethod() throws {
        let services = try FakeServices()
        let answer = try services.answer("PUT", "/api/rooms")
        #expect(answer.status == 405 && answer.header("Allow") == "GET, HEAD, POST, OPTIONS")
        #expect(try services.answer("POST", "/api/rooms/r/users").header("Allow") == "GET, HEAD, OPTIONS")
    }

    @Test("A method that nobody knows is answered with 501, whatever the path")
    func unknownMethod() throws {
        let services = try FakeServices()
        for path in ["/api/rooms", "/nothing"] {
            #expect(try services.answer("BREW", path).status == 501)
        }
    }

    @Test("HEAD has the route of GET")
    func head() throws {
        #expect(try FakeServices().answer("HEAD", "/health").status == 200)
    }

    @Test("The echo endpoint is there only when it is configured")
    func echo() throws {
        let handshake = [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        let call = try FakeCall.make("GET", "/echo", handshake)
        guard case .echo = try FakeServices(["ECHO_ENDPOINT": "1"]).route(call) else {
            return #expect(Bool(false), "no upgrade")
        }
    }

    @Test("The routes are those of openapi.json")
    func document() throws {
        let page = try FakeServices().answer("GET", "/openapi.json").body
        let document = try #require(try JSONSerialization.jsonObject(with: Data(page)) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        let methods: Set = ["get", "put", "post", "delete"]
        let listed = paths.flatMap { path, item in
            item.keys.filter(methods.contains).map { "\($0.uppercased()) \(path)" }
        }
        let routes = (Route.all + [Route.echo]).map { "\($0.method.name) \($0.path)" }
        #expect(listed.sorted() == routes.sorted())
    }

    // MARK: Who may

    @Test("With an API key a request must show it, in either header")
    func key() throws {
        let services = try FakeServices(["API_KEY": "0123456789abcdef"])
        let refused = try services.answer("GET", "/api/nodes")
        #expect(refused.status == 401 && refused.header("WWW-Authenticate") == "Bearer")
        #expect(try services.answer("GET", "/api/nodes", "X-API-Key: 0123456789abcdeF").status == 401)
        #expect(try services.answer("GET", "/api/nodes", "X-API-Key: 0123456789abcdef").status == 200)
        #expect(try services.answer("GET", "/api/nodes", "Authorization: Bearer 0123456789abcdef").status == 200)
        #expect(try services.answer("GET", "/api/nothing").status == 401, "unknown paths show a stranger nothing")
        #expect(try services.answer("GET", "/health").status == 200)
    }

    @Test("Without an API key only clients on this machine may delete or set the tier")
    func loopback() throws {
        let services = try FakeServices()
        #expect(try services.answer("DELETE", "/api/rooms/r").status == 403)
        #expect(try services.answer("PUT", "/api/system/tier").status == 403)
        guard case .later = try services.route("DELETE", "/api/rooms/r", "Host: localhost:80", from: "127.0.0.1") else {
            return #expect(Bool(false), "refused")
        }
        let rebound = try services.answer("DELETE", "/api/rooms/r", "Host: evil.example", from: "127.0.0.1")
        #expect(rebound.status == 403)
    }

    @Test("The effective address decides, not that of the proxy")
    func proxy() throws {
        let services = try FakeServices(["TRUSTED_PROXIES": "127.0.0.1"])
        let answer = try services.answer("DELETE", "/api/rooms/r", "X-Forwarded-For: 192.0.2.7", from: "127.0.0.1")
        #expect(answer.status == 403)
    }

    @Test("A request whose proxies contradict each other has no rights of this machine")
    func contradiction() throws {
        let services = try FakeServices()
        let answer = try services.answer(
            "DELETE", "/api/rooms/r", "Host: localhost", "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 192.0.2.7",
            from: "127.0.0.1")
        #expect(answer.status == 403)
    }

    @Test("A room's limits are an operator's matter")
    func roomLimits() throws {
        let body = #"{"id":"r","max_users":2}"#
        let services = try FakeServices()
        let json = "Content-Type: application/json"
        #expect(try services.answer("POST", "/api/rooms", json, body: body).status == 403)
        guard case .later = try services.route("POST", "/api/rooms", json, body: #"{"id":"r"}"#),
            case .later = try services.route("POST", "/api/rooms", json, "Host: [::1]", body: body, from: "::1")
        else { return #expect(Bool(false), "refused") }
    }

    @Test("With ALLOWED_HOSTS the node answers to no other name")
    func hosts() throws {
        let services = try FakeServices(["ALLOWED_HOSTS": "node.test"])
        #expect(try services.answer("GET", "/health").status == 200)
        #expect(try services.answer("GET", "/health", "Host: other.test").status == 421)
    }

    @Test("An address has its requests per second and twice that at once; a key is exempt, and this machine unless set")
    func rate() throws {
        let services = try FakeServices(["HTTP_REQUESTS_PER_SECOND": "2", "API_KEY": "k"])
        func statuses(_ headers: String, from peer: String) throws -> [Int] {
            try (1...5).map { _ in try services.answer("GET", "/health", headers, from: peer).status }
        }
        #expect(try statuses("X: y", from: "192.0.2.1") == [200, 200, 200, 200, 429])
        #expect(try services.answer("GET", "/health", from: "192.0.2.1").header("Retry-After") == "1")
        #expect(try statuses("X: y", from: "192.0.2.2").last == 429, "each address has its own")
        #expect(try statuses("X-API-Key: k", from: "192.0.2.1").last == 200)
        #expect(try statuses("X: y", from: "127.0.0.1").last == 429, "this machine, as the limit was set")
        services.now += 500
        #expect(try statuses("X: y", from: "192.0.2.1") == [200, 429, 429, 429, 429])
        let standard = try FakeServices()
        for _ in 0..<300 { #expect(try standard.answer("GET", "/health", from: "127.0.0.1").status == 200) }
        let unknown = try (1...300).map { _ in
            try standard.answer("GET", "/health", "X-Real-IP: rubbish", from: "127.0.0.1").status
        }
        #expect(unknown.last == 429, "a client that is unknown is not this machine")
    }

    @Test("One socket too many of the node serves probes and operators; one too many of its address nobody")
    func places() throws {
        let services = try FakeServices()
        let router = Router(services: services)
        func status(_ target: String, _ host: String, from peer: String, _ place: SocketPlace) throws -> Int? {
            var call = try FakeCall.make("GET", target, ["Host: \(host)"], from: peer)
            router.identify(&call)
            call.place = place
            return router.admit(&call)?.status
        }
        #expect(try status("/health", "a", from: "192.0.2.1", .nodeFull) == nil)
        #expect(try status("/ready", "a", from: "192.0.2.1", .nodeFull) == nil)
        #expect(try status("/", "a", from: "192.0.2.1", .nodeFull) == 503)
        #expect(try status("/api/system/status", "localhost", from: "127.0.0.1", .nodeFull) == nil)
        #expect(try status("/ws/r/u", "a", from: "192.0.2.1", .nodeFull) == nil, "it hears it by its close code")
        #expect(try status("/health", "a", from: "192.0.2.1", .addressFull) == 429)
        #expect(try status("/ws/r/u", "a", from: "192.0.2.1", .addressFull) == nil)
    }

    @Test("The head decides about a body that is no JSON")
    func mediaType() throws {
        let services = try FakeServices()
        #expect(try services.answer("POST", "/api/rooms", "Content-Type: text/plain", body: "{}").status == 415)
        #expect(try services.answer("POST", "/health", body: "{}").status == 405)
        #expect(try services.answer("POST", "/nothing", body: "{}").status == 404)
    }

    @Test("A foreign page may read what it can't see, and do nothing")
    func foreignOrigin() throws {
        let services = try FakeServices()
        let origin = "Origin: https://other.test"
        let read = try services.answer("GET", "/health", origin)
        #expect(read.status == 200 && read.header("Access-Control-Allow-Origin") == nil)
        #expect(try services.answer("POST", "/api/rooms", origin).status == 403)
        #expect(try services.answer("OPTIONS", "/api/rooms", origin).status == 403)
        #expect(try services.answer("GET", "/ws/r/u", origin).status == 403)
        guard case .later = try services.route("POST", "/api/rooms", "Origin: http://node.test") else {
            return #expect(Bool(false), "the node's own page is refused")
        }
    }

    @Test("Every kind of answer to an allowed page says so")
    func allowedOrigin() throws {
        let services = try FakeServices(["ALLOWED_ORIGINS": "https://a.test"])
        let origin = "Origin: https://a.test"
        let now = try services.answer("GET", "/health", origin)
        #expect(now.header("Access-Control-Allow-Origin") == "https://a.test" && now.header("Vary") == "Origin")
        let preflight = try services.answer("OPTIONS", "/api/rooms", origin)
        #expect(preflight.status == 204 && preflight.header("Access-Control-Allow-Origin") == "https://a.test")
        #expect(preflight.header("Access-Control-Allow-Methods") == "GET, HEAD, POST, OPTIONS")
        guard case .later(let completion, _) = try services.route("GET", "/api/rooms", origin) else {
            return #expect(Bool(false), "answered at once")
        }
        let later = Router(services: services).complete(HTTPResponse(status: 200), with: completion)
        #expect(later.header("Access-Control-Allow-Origin") == "https://a.test")
        guard case .events(let stream) = try services.route("GET", "/api/system/events", origin) else {
            return #expect(Bool(false), "no stream")
        }
        #expect(stream.crossOriginHeaders.count == 2)
    }

    // MARK: Load

    @Test("At heavy only essential routes are answered; the others get 503 and are counted")
    func heavy() throws {
        let services = try FakeServices()
        services.adopt(.heavy)
        for target in ["/", "/docs", "/api/rooms", "/api/nodes", "/api/rooms/r", "/api/rooms/r/messages"] {
            let answer = try services.answer("GET", target)
            #expect(answer.status == 503 && answer.header("Retry-After") == "10", "\(target)")
        }
        #expect(services.counters.shedCount(.http) == 6)
        #expect(try services.answer("GET", "/health").status == 200)
        #expect(try services.answer("GET", "/metrics").status == 200)
        #expect(services.counters.shedCount(.http) == 6)
    }

    @Test("At moderate a list is answered from a copy of at most five seconds")
    func copies() throws {
        let services = try FakeServices()
        services.adopt(.moderate)
        #expect(try services.answer("GET", "/api/nodes").status == 200)
        #expect(services.counters.shedCount(.http) == 0)
        services.now += 5_000
        #expect(try services.answer("GET", "/api/nodes").status == 200)
        #expect(services.counters.shedCount(.http) == 1)
        services.now += 1
        #expect(try services.answer("GET", "/api/nodes").status == 200)
        #expect(services.counters.shedCount(.http) == 1)
        #expect(try services.answer("GET", "/api/nodes?x").status == 200, "another target has a copy of its own")
        #expect(services.counters.shedCount(.http) == 1)
    }

    @Test("A list that is answered later is kept when its answer comes, without the headers for one page")
    func laterCopies() throws {
        let services = try FakeServices(["ALLOWED_ORIGINS": "https://a.test"])
        services.adopt(.moderate)
        let router = Router(services: services)
        guard case .later(let completion, _) = try services.route("GET", "/api/rooms", "Origin: https://a.test") else {
            return #expect(Bool(false), "answered at once")
        }
        let error = router.complete(.unavailable("away", retrySeconds: 1), with: completion)
        #expect(error.header("Access-Control-Allow-Origin") == "https://a.test")
        guard case .later = try services.route("GET", "/api/rooms") else {
            return #expect(Bool(false), "an error was kept")
        }
        _ = router.complete(.json(200, Array("[]".utf8)), with: completion)
        let copy = try services.answer("GET", "/api/rooms")
        #expect(copy.text == "[]" && copy.header("Access-Control-Allow-Origin") == nil)
    }

    @Test("Pages come from copies at moderate and not at light; single rooms never do")
    func importance() throws {
        let services = try FakeServices()
        for (tier, shed) in [(Tier.light, 0), (.moderate, 1)] {
            services.adopt(tier)
            for _ in 1...2 { #expect(try services.answer("GET", "/status").status == 200) }
            #expect(services.counters.shedCount(.http) == shed, "\(tier)")
        }
        guard case .later(let completion, _) = try services.route("GET", "/api/rooms/r") else {
            return #expect(Bool(false), "answered at once")
        }
        #expect(completion.keptTarget == nil)
    }
}
