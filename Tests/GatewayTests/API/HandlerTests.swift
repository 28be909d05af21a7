import Core
import NetworkIO
import Overload
import Rooms
import Testing
import WireProtocol

@testable import Gateway

/// A request that its handler must refuse.
struct RefusedRequest: CustomTestStringConvertible, Sendable {
    let method: String
    let target: String
    let body: String
    let type: String
    let status: Int
    /// A part of the error's message.
    let message: String

    init(
        _ method: String, _ target: String, _ body: String = "", type: String = "application/json",
        status: Int = 400, says message: String
    ) {
        self.method = method
        self.target = target
        self.body = body
        self.type = type
        self.status = status
        self.message = message
    }

    var testDescription: String { "\(method) \(target.prefix(60)) \(body.prefix(60)): \(message)" }

    /// Sends it from this machine.
    func check(_ services: FakeServices) throws {
        let answer = try services.answer(method, target, "Content-Type: \(type)", body: body, from: "127.0.0.1")
        #expect(answer.status == status)
        #expect(answer.text.contains(message), "\(answer.text)")
        #expect(services.posts.isEmpty && services.lists.isEmpty)
    }
}

@Suite("Handlers of rooms")
struct RoomsAPITests {
    @Test(
        "A request that says nonsense is refused before a home is asked",
        arguments: [
            RefusedRequest("GET", "/api/rooms?limit=0", says: "limit must be a whole number from 1 to 500"),
            RefusedRequest("GET", "/api/rooms?limit=501", says: "limit must be a whole number from 1 to 500"),
            RefusedRequest("GET", "/api/rooms?limit=%2B1", says: "limit must be a whole number"),
            RefusedRequest("GET", "/api/rooms?limit=1&limit=1", says: "limit stands more than once"),
            RefusedRequest("GET", "/api/rooms?cursor=a%01b", says: "cursor must be the next_cursor of a former answer"),
            RefusedRequest("GET", "/api/rooms?cursor=a&cursor=b", says: "cursor stands more than once"),
            RefusedRequest("GET", "/api/rooms/a%01b", says: "room_id: "),
            RefusedRequest("DELETE", "/api/rooms/a%01b", says: "room_id: "),
            RefusedRequest("GET", "/api/rooms/a%01b/users", says: "room_id: "),
            RefusedRequest("GET", "/api/rooms/r/users?limit=x", says: "limit must be a whole number"),
            RefusedRequest("GET", "/api/rooms/r/messages?limit=0", says: "limit must be a whole number"),
            RefusedRequest("GET", "/api/rooms/r/messages?after=-1", says: "after must be a whole number"),
            RefusedRequest(
                "GET", "/api/rooms/r/messages?before=9007199254740992", says: "before must be a whole number"),
            RefusedRequest(
                "GET", "/api/rooms/r/messages?after=1&before=2", says: "after and before exclude each other"),
        ])
    func reads(request: RefusedRequest) throws { try request.check(FakeServices()) }

    @Test(
        "A body that does not describe a room is refused",
        arguments: [
            RefusedRequest(
                "POST", "/api/rooms", "{}", type: "text/plain", status: 415, says: "the body must be application/json"),
            RefusedRequest("POST", "/api/rooms", "[]", says: "the body must be one JSON object"),
            RefusedRequest("POST", "/api/rooms", "{\"a\":}", says: "unexpected byte or end at offset 5"),
            RefusedRequest("POST", "/api/rooms", "{\"id\":\"\"}", says: "id"),
            RefusedRequest("POST", "/api/rooms", "{\"id\":7}", says: "id"),
            RefusedRequest("POST", "/api/rooms", "{\"name\":\"\"}", says: "must have 1 to 256 bytes"),
            RefusedRequest(
                "POST", "/api/rooms", "{\"name\":\"\(String(repeating: "n", count: 257))\"}",
                says: "must have 1 to 256 bytes"),
            RefusedRequest("POST", "/api/rooms", "{\"max_users\":0}", says: "must be from 1 to 10000000"),
            RefusedRequest("POST", "/api/rooms", "{\"max_users\":10000001}", says: "must be from 1 to 10000000"),
            RefusedRequest("POST", "/api/rooms", "{\"max_users\":1.5}", says: "max_users"),
            RefusedRequest("POST", "/api/rooms", "{\"history_size\":1000001}", says: "must be from 0 to 1000000"),
        ])
    func rooms(request: RefusedRequest) throws { try request.check(FakeServices()) }

    @Test(
        "A body that is no message is refused",
        arguments: [
            RefusedRequest(
                "POST", "/api/rooms/a%01b/messages", "{\"user\":\"u\",\"content\":\"c\"}", says: "room_id: "),
            RefusedRequest(
                "POST", "/api/rooms/r/messages", "", type: "text/plain", status: 415, says: "application/json"),
            RefusedRequest("POST", "/api/rooms/r/messages", "", says: "one JSON object"),
            RefusedRequest("POST", "/api/rooms/r/messages", "{\"content\":\"c\"}", says: "user"),
            RefusedRequest("POST", "/api/rooms/r/messages", "{\"user\":\"u\"}", says: "content"),
            RefusedRequest("POST", "/api/rooms/r/messages", "{\"user\":\"u\",\"content\":\"c\",\"id\":1}", says: "id"),
            RefusedRequest(
                "POST", "/api/rooms/r/messages",
                "{\"user\":\"u\",\"content\":\"\(String(repeating: "c", count: 200))\"}", status: 413,
                says: "a message has at most 200 bytes"),
        ])
    func messages(request: RefusedRequest) throws { try request.check(FakeServices(["MAX_MESSAGE_BYTES": "200"])) }

    @Test("A room's requests go to its home, with the address of the request")
    func home() throws {
        let services = try FakeServices(["WORKERS": "8"])
        for method in ["GET", "DELETE"] {
            guard case .later(_, let work) = try services.route(method, "/api/rooms/r-7", from: "127.0.0.1") else {
                return #expect(Bool(false), "answered at once")
            }
            work(Responder(worker: 0, socketKey: 1, request: 1))
        }
        let home = services.context.home(of: Identifier(unchecked: "r-7"))
        #expect(services.posts == [home, home])
    }

    @Test("The list answers the request's worker, whether the store gave an answer or not")
    func list() throws {
        let services = try FakeServices()
        for rooms in [[], nil] as [[RoomDescription]?] {
            guard case .later(_, let work) = try services.route("GET", "/api/rooms?limit=2") else {
                return #expect(Bool(false), "answered at once")
            }
            work(Responder(worker: 1, socketKey: 1, request: 1))
            services.lists.last?(rooms)
        }
        #expect(services.lists.count == 2 && services.posts == [1, 1])
    }
}

@Suite("Handlers of users")
struct UsersAPITests {
    @Test(
        "A request that says nonsense is refused before a home is asked",
        arguments: [
            RefusedRequest("GET", "/api/users/a%01b", says: "user_id: "),
            RefusedRequest("DELETE", "/api/users/a%01b/connections", says: "user_id: "),
            RefusedRequest(
                "POST", "/api/users/a%01b/messages", "{\"from\":\"u\",\"content\":\"c\"}", says: "user_id: "),
            RefusedRequest(
                "POST", "/api/users/u/messages", "{}", type: "text/plain", status: 415, says: "application/json"),
            RefusedRequest("POST", "/api/users/u/messages", "null", says: "one JSON object"),
            RefusedRequest("POST", "/api/users/u/messages", "{\"content\":\"c\"}", says: "from"),
            RefusedRequest("POST", "/api/users/u/messages", "{\"from\":\"\",\"content\":\"c\"}", says: "from"),
            RefusedRequest("POST", "/api/users/u/messages", "{\"from\":\"a\"}", says: "content"),
            RefusedRequest(
                "POST", "/api/users/u/messages", "{\"from\":\"a\",\"content\":\"c\",\"device_type\":\"\"}",
                says: "device_type"),
            RefusedRequest(
                "POST", "/api/users/u/messages",
                "{\"from\":\"a\",\"content\":\"\(String(repeating: "c", count: 200))\"}", status: 413,
                says: "a message has at most 200 bytes"),
        ])
    func refused(request: RefusedRequest) throws { try request.check(FakeServices(["MAX_MESSAGE_BYTES": "200"])) }

    @Test("A user's requests go to the user's home")
    func home() throws {
        let services = try FakeServices(["WORKERS": "8"])
        let reply = try services.route(
            "POST", "/api/users/u-3/messages", "Content-Type: application/json", body: #"{"from":"a","content":"c"}"#)
        guard case .later(_, let work) = reply else { return #expect(Bool(false), "answered at once") }
        work(Responder(worker: 0, socketKey: 1, request: 1))
        #expect(services.posts == [services.context.home(of: Identifier(unchecked: "u-3"))])
    }
}

@Suite("Handlers of the system and of the pages")
struct SystemAPITests {
    @Test("A node that drains is healthy, and not ready")
    func draining() throws {
        let services = try FakeServices()
        #expect(try services.answer("GET", "/health").text.contains(#""status":"ok""#))
        #expect(try services.answer("GET", "/ready").text == #"{"status":"ready"}"#)
        services.context.beginDraining()
        #expect(try services.answer("GET", "/health").text.contains(#""status":"draining""#))
        #expect(try services.answer("GET", "/ready").status == 503)
        #expect(try services.answer("GET", "/api/system/events").status == 503)
    }

    @Test("A node at heavy is not ready")
    func heavy() throws {
        let services = try FakeServices()
        services.context.governor.withLock { $0.tiers = ResourceTiers(all: .heavy) }
        let answer = try services.answer("GET", "/ready")
        #expect(answer.status == 503 && answer.header("Retry-After") == "5")
    }

    @Test(
        "A shortage that newcomers do not worsen leaves the node ready",
        arguments: [
            (Resource.loop, 503), (.memory, 503), (.places, 503), (.sendQueue, 200), (.store, 200),
        ])
    func readyAtHeavy(resource: Resource, status: Int) throws {
        let services = try FakeServices()
        services.context.governor.withLock { $0.tiers[resource] = .heavy }
        #expect(try services.answer("GET", "/ready").status == status)
        services.context.governor.withLock { $0.isDryRun = true }
        #expect(try services.answer("GET", "/ready").status == 200)
    }

    @Test("The trace is asked of the control thread: how far back, and as what")
    func trace() throws {
        let services = try FakeServices()
        let responder = Responder(worker: 1, socketKey: 7, request: 3)
        let cases: [(target: String, accept: String, wanted: TraceWanted)] = [
            ("", "*/*", TraceWanted(seconds: 60, format: .jsonLines)),
            ("?seconds=600", "text/csv", TraceWanted(seconds: 600, format: .csv)),
            ("?seconds=1", "application/json;q=0.5, Text/CSV; header=present", TraceWanted(seconds: 1, format: .csv)),
            ("?seconds=7", "text/csvx", TraceWanted(seconds: 7, format: .jsonLines)),
        ]
        for (target, accept, wanted) in cases {
            let reply = try services.route("GET", "/api/system/governor/trace" + target, "Accept: \(accept)")
            guard case .later(_, let work) = reply else { return #expect(Bool(false), "answered at once") }
            work(responder)
            guard case .trace(wanted, responder)? = services.context.mail.governor.takeAll().first else {
                return #expect(Bool(false), "\(target) \(accept)")
            }
        }
        for target in ["?seconds=0", "?seconds=601", "?seconds=x", "?seconds=1&seconds=2"] {
            #expect(try services.answer("GET", "/api/system/governor/trace" + target).status == 400)
        }
    }

    @Test("A tier that there is not is refused", arguments: ["{}", #"{"tier":"low"}"#, #"{"tier":""}"#])
    func noTier(body: String) throws {
        try RefusedRequest("PUT", "/api/system/tier", body, says: #"must be \"auto\" or one of \"normal\", \"light\""#)
            .check(FakeServices())
    }

    @Test("A tier is asked of the control thread, with the address of the request")
    func tier() throws {
        let services = try FakeServices()
        let responder = Responder(worker: 1, socketKey: 7, request: 3)
        for (text, tier) in [("auto", nil), ("moderate", Tier.moderate)] {
            let reply = try services.route(
                "PUT", "/api/system/tier", "Content-Type: application/json", body: #"{"tier":"\#(text)"}"#,
                from: "127.0.0.1")
            guard case .later(_, let work) = reply else { return #expect(Bool(false), "answered at once") }
            work(responder)
            guard case .hold(tier, responder)? = services.context.mail.governor.takeAll().first else {
                return #expect(Bool(false), "not asked")
            }
        }
    }

    @Test("A node takes as many streams of events as its limit; heads are not counted")
    func streams() throws {
        let services = try FakeServices()
        services.context.events.streamCount.store(EventFeed.streamsMax - 1, ordering: .relaxed)
        guard case .events(let head) = try services.route("HEAD", "/api/system/events") else {
            return #expect(Bool(false), "no stream")
        }
        #expect(head.isHead && services.context.events.streamCount.load(ordering: .relaxed) == 255)
        guard case .events(let stream) = try services.route("GET", "/api/system/events", "Last-Event-ID: b-1") else {
            return #expect(Bool(false), "no stream")
        }
        #expect(!stream.isHead && stream.lastEventID == "b-1")
        #expect(try services.answer("GET", "/api/system/events").status == 503)
        #expect(services.context.events.streamCount.load(ordering: .relaxed) == 256)
    }

    @Test("Status and metrics are made once per tick", arguments: ["/api/system/status", "/metrics"])
    func reports(path: String) throws {
        let services = try FakeServices()
        let first = try services.answer("GET", path)
        services.counters.committed.add(4711)
        services.now += 249
        #expect(try services.answer("GET", path).body == first.body)
        services.now += 1
        #expect(try services.answer("GET", path).text.contains("4711"))
    }

    @Test("Pages are there; a file that is not gets 404, and a room that can't be gets no page")
    func pages() throws {
        let services = try FakeServices()
        #expect(try services.answer("GET", "/").header("Content-Type") == "text/html; charset=utf-8")
        #expect(try services.answer("GET", "/assets/nothing.js").status == 404)
        #expect(try services.answer("GET", "/chat/r").status == 200)
        #expect(try services.answer("GET", "/chat/a%01b").status == 400)
    }

    @Test("A page's file goes as gzip to who takes that, and not at all to who has it; also as a copy at moderate")
    func files() throws {
        let services = try FakeServices()
        for tier in [Tier.normal, .moderate] {
            services.adopt(tier)
            for path in ["/", "/chat/r", "/client.js", "/assets/style.css", "/openapi.json"] {
                let plain = try services.answer("GET", path)
                let tag = try #require(plain.header("ETag"))
                #expect(plain.header("Content-Encoding") == nil && plain.header("Vary") == "Accept-Encoding")
                let small = try services.answer("GET", path, "Accept-Encoding: br;q=1, gzip;q=0.5")
                let smallTag = try #require(small.header("ETag"))
                #expect(small.header("Content-Encoding") == "gzip" && small.body.starts(with: [0x1F, 0x8B]))
                #expect(small.body.count < plain.body.count * 2 / 3 && smallTag != tag, "\(path)")
                for refusing in ["gzip;q=0", "gzip;q=0.0, *", "identity", "br, *;q=0"] {
                    let answer = try services.answer("GET", path, "Accept-Encoding: \(refusing)")
                    #expect(answer.header("Content-Encoding") == nil && answer.body == plain.body, "\(refusing)")
                }
                let known = try services.answer("GET", path, "If-None-Match: \"x\", W/\(tag)")
                #expect(known.status == 304 && known.body.isEmpty && known.header("ETag") == tag)
                #expect(known.header("Cache-Control") == "no-cache" && known.header("Content-Type") == nil)
                // What is known is not the form that is asked for.
                let other = try services.answer("GET", path, "If-None-Match: \(tag)", "Accept-Encoding: gzip")
                #expect(other.status == 200)
                let same = try services.answer("GET", path, "If-None-Match: \(smallTag)", "Accept-Encoding: *")
                #expect(same.status == 304)
            }
        }
        #expect(try services.answer("GET", "/metrics", "Accept-Encoding: gzip").header("Content-Encoding") == nil)
    }

    @Test("A browser gets an error as a page in its language, everybody else as JSON")
    func errorPages() throws {
        let services = try FakeServices(["API_KEY": "k"])
        for (path, status) in [("/nothing", 404), ("/chat/a%01b", 400), ("/api/rooms", 401), ("/assets/no", 404)] {
            let json = try services.answer("GET", path, "Accept: */*")
            #expect(json.status == status && json.header("Content-Type") == "application/json")
            let page = try services.answer("GET", path, "Accept: text/html,*/*;q=0.8")
            #expect(page.status == status && page.header("Content-Type") == "text/html; charset=utf-8")
            #expect(page.headers.filter { $0.0 == "Content-Type" }.count == 1)
            #expect(page.header("WWW-Authenticate") == json.header("WWW-Authenticate"))
            #expect(page.text.contains("<html lang=\"en\">") && page.text.contains("\(status): "))
            let chinese = try services.answer(
                "GET", path, "Accept: text/html", "Accept-Language: de, zh-CN;q=0.9, en;q=0.1")
            #expect(chinese.text.contains("<html lang=\"zh\">"))
        }
        #expect(try services.answer("GET", "/nothing?lang=zh", "Accept: text/html").text.contains("lang=\"zh\""))
        #expect(try services.answer("DELETE", "/nothing", "Accept: text/html").text.hasPrefix("{"))
        services.adopt(.heavy)
        let busy = try services.answer("GET", "/chat/r", "Accept: text/html")
        #expect(busy.status == 503 && busy.header("Retry-After") == "10" && busy.text.hasPrefix("<!doctype html>"))
        // Its style is its own: nothing else is served now.
        let policy = try #require(busy.header("Content-Security-Policy"))
        let style = try #require(busy.text.split(separator: "<style>").last?.split(separator: "</style>").first)
        #expect(policy.contains("style-src 'sha256-\(Digest.base64(Digest.sha256(Array(style.utf8))))'"))
    }

    @Test("What an error quotes stays text on its page; an error that comes later is a page, too")
    func laterErrorPages() throws {
        let services = try FakeServices()
        let reply = try services.route("GET", "/api/rooms/r", "Accept: text/html")
        guard case .later(let completion, _) = reply else { return #expect(Bool(false), "answered at once") }
        let router = Router(services: services)
        let page = router.complete(.error(404, "no_such_room", "<b>&\u{22}"), with: completion)
        #expect(page.text.contains("404: &lt;b&gt;&amp;") && !page.text.contains("<b>"))
        #expect(router.complete(.json(200, []), with: completion).header("Content-Type") == "application/json")
    }
}

@Suite("Upgrades to WebSocket")
struct WebSocketAPITests {
    private static let handshake = [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]

    private func reply(_ target: String, _ services: FakeServices) throws -> Reply {
        services.route(try FakeCall.make("GET", target, Self.handshake))
    }

    @Test("An upgrade carries what the client asked for")
    func admitted() throws {
        let target = "/ws/r/u?device=d&device_type=phone&since=4&epoch=e&echo=1"
        guard case .upgrade(let upgrade) = try reply(target, FakeServices()) else {
            return #expect(Bool(false), "refused")
        }
        let opening = upgrade.opening
        #expect(opening.room.text == "r" && opening.user.text == "u" && opening.device?.text == "d")
        #expect(opening.deviceType == "phone" && opening.position == Position(epoch: "e", seq: 4))
        #expect(upgrade.wantsEcho && upgrade.entry.shedRetryMilliseconds == nil)
        #expect(upgrade.place == .within)
    }

    @Test(
        "A path or query that says nonsense is refused",
        arguments: [
            ("/ws/a%01b/u", "room_id: "), ("/ws/r/a%01b", "user_id: "), ("/ws/r/u?device=a%01b", "device: "),
            ("/ws/r/u?device_type=", "device_type: "), ("/ws/r/u?since=1", "since and epoch need each other"),
            ("/ws/r/u?epoch=e", "since and epoch need each other"),
            ("/ws/r/u?since=-1&epoch=e", "since must be a whole number from 0"),
            ("/ws/r/u?since=9007199254740992&epoch=e", "since must be a whole number from 0"),
            ("/ws/r/u?echo=2", "echo must be 0 or 1"), ("/ws/r/u?echo=1&echo=1", "echo stands more than once"),
        ])
    func refused(target: String, message: String) throws {
        guard case .now(let answer) = try reply(target, FakeServices()) else {
            return #expect(Bool(false), "let in")
        }
        #expect(answer.status == 400 && answer.text.contains(message), "\(answer.text)")
    }

    @Test("A request that is no handshake is refused with the headers that it needs")
    func noHandshake() throws {
        let answer = try FakeServices().answer("GET", "/ws/r/u")
        #expect(answer.status == 426 && answer.header("Upgrade") == "websocket")
    }

    @Test("A node that drains takes nobody")
    func draining() throws {
        let services = try FakeServices()
        services.context.beginDraining()
        guard case .now(let answer) = try reply("/ws/r/u", services) else { return #expect(Bool(false), "let in") }
        #expect(answer.status == 503 && services.counters.count(ConnectionRefusal.draining) == 1)
    }

    @Test(
        "At heavy only a client that resumes is let in; at moderate the others are asked to come back behind the upgrade"
    )
    func load() throws {
        let services = try FakeServices(["HTTP_REQUESTS_PER_SECOND": "off"])
        services.adopt(.heavy)
        guard case .now(let answer) = try reply("/ws/r/u", services) else { return #expect(Bool(false), "let in") }
        #expect(answer.status == 503 && answer.header("Retry-After") != nil)
        guard case .upgrade(let resumed) = try reply("/ws/r/u?since=0&epoch=e", services) else {
            return #expect(Bool(false), "refused")
        }
        #expect(resumed.entry.shedRetryMilliseconds == nil)
        // If the room knows its position: else it is new.
        #expect(resumed.opening.isLetInToResume)
        services.adopt(.moderate)
        guard case .upgrade(let other) = try reply("/ws/r/u?since=0&epoch=e", services) else {
            return #expect(Bool(false), "refused")
        }
        #expect(!other.opening.isLetInToResume)
        var retries: [Int?] = []
        for _ in 1...200 {
            guard case .upgrade(let upgrade) = try reply("/ws/r/u", services) else {
                return #expect(Bool(false), "refused")
            }
            retries.append(upgrade.entry.shedRetryMilliseconds)
        }
        #expect(retries.first == .some(nil) && (retries.last ?? nil) ?? 0 >= 1000)
        #expect(services.counters.shedCount(.connections) == 1 + retries.count { $0 != nil })
    }
}

extension Upgrade.Entry {
    fileprivate var shedRetryMilliseconds: Int? { if case .shed(let retry) = self { retry } else { nil } }
}
