import Core
import Testing
import Tokens
import WireProtocol

@testable import Gateway

/// Tokens for users of a node whose JWT_SECRET is `secret`.
enum TestTokens {
    static let secret = "a secret of thirty-two bytes, or more"
    static let environment = ["JWT_SECRET": secret]

    static func make(
        _ user: String, expiresAt: Int = 1_700_000_060_000, rooms: [String]? = nil, listenedRooms: [String]? = nil,
        secret: String = Self.secret
    ) throws -> String {
        var request = TokenSigner.Request(user: Identifier(unchecked: user), expiresAt: expiresAt)
        (request.rooms, request.listenedRooms) = (rooms, listenedRooms)
        return TokenSigner(try #require(TokenSecret(secret))).sign(request)
    }
}

@Suite("Upgrades of a node that asks for tokens")
struct TokenGateTests {
    private static let handshake = [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]

    private func reply(_ services: FakeServices, _ target: String, _ headers: [String] = []) throws -> Reply {
        services.route(try FakeCall.make("GET", target, Self.handshake + headers))
    }

    private func refusal(_ services: FakeServices, _ target: String, _ headers: [String] = []) throws -> TokenRefusal? {
        guard case .upgrade(let upgrade) = try reply(services, target, headers) else {
            throw FakeCall.Fault.otherReply(target)
        }
        switch upgrade.entry {
        case .refused(let refusal): return refusal
        case .admitted(let grant):
            #expect(grant != nil)
            return nil
        case .shed: throw FakeCall.Fault.otherReply("shed")
        }
    }

    @Test("The token stands in the query, or as bearer in the header; the query's counts before it")
    func places() throws {
        let services = try FakeServices(TestTokens.environment)
        let token = try TestTokens.make("u")
        let bearer = ["Authorization: Bearer \(token)"]
        #expect(try refusal(services, "/ws/r/u?token=\(token)") == nil)
        #expect(try refusal(services, "/ws/r/u", bearer) == nil)
        #expect(try refusal(services, "/ws/r/u?token=x", bearer) == .token(.malformed))
        #expect(try refusal(services, "/ws/r/u?token=", bearer) == .token(.missing))
        #expect(try refusal(services, "/ws/r/u") == .token(.missing))
        #expect(try refusal(services, "/ws/r/u", ["Authorization: Basic \(token)"]) == .token(.missing))
        guard case .now(let answer) = try reply(services, "/ws/r/u?token=\(token)&token=\(token)") else {
            return #expect(Bool(false), "let in")
        }
        #expect(answer.status == 400 && !answer.text.contains(token))
        #expect(services.counters.count(ConnectionRefusal.notAuthenticated) == 4)
    }

    @Test("Another user, and a room that is not named, are not allowed")
    func rights() throws {
        let services = try FakeServices(TestTokens.environment)
        let token = try TestTokens.make("u", rooms: ["r", "s-*"], listenedRooms: ["quiet"])
        #expect(try refusal(services, "/ws/r/other?token=\(token)") == .otherUser)
        #expect(try refusal(services, "/ws/t/u?token=\(token)") == .otherRoom)
        #expect(services.counters.count(ConnectionRefusal.notAllowed) == 2)
        for room in ["r", "s-1", "quiet"] { #expect(try refusal(services, "/ws/\(room)/u?token=\(token)") == nil) }
        let refused = CloseReason.refused(TokenRefusal.otherUser)
        #expect(refused.code.rawValue == 4003 && CloseReason.refused(.token(.expired)).code.rawValue == 4001)
    }

    @Test("A node without tokens lets all in, whatever they bring")
    func open() throws {
        guard case .upgrade(let upgrade) = try reply(FakeServices(), "/ws/r/u?token=x") else {
            return #expect(Bool(false), "refused")
        }
        guard case .admitted(nil) = upgrade.entry else { return #expect(Bool(false), "refused") }
    }

    @Test("Without API_KEY, all of /api/ and /metrics is for this machine when clients need tokens")
    func api() throws {
        let services = try FakeServices(TestTokens.environment)
        for target in ["/api/rooms", "/api/system/status", "/metrics"] {
            #expect(try services.answer("GET", target).status == 403, "\(target)")
        }
        #expect(try services.answer("GET", "/api/nodes", from: "127.0.0.1").status == 200)
        #expect(try services.answer("GET", "/health").status == 200)
        let keyed = try FakeServices(TestTokens.environment.merging(["API_KEY": "one,two"]) { $1 })
        for key in ["one", "two"] {
            #expect(try keyed.answer("GET", "/api/nodes", "X-API-Key: \(key)").status == 200)
        }
        #expect(try keyed.answer("GET", "/api/nodes", "X-API-Key: one,two").status == 401)
    }

    @Test("Who shows wrong keys is slowed, also with the right one in between; tokens are no tries at a key")
    func guesses() throws {
        let services = try FakeServices(TestTokens.environment.merging(["API_KEY": "right"]) { $1 })
        var statuses: [Int] = []
        for _ in 1...11 { statuses.append(try services.answer("GET", "/api/nodes", "X-API-Key: wrong").status) }
        #expect(statuses == Array(repeating: 401, count: 10) + [429])
        let slowed = try services.answer("GET", "/api/nodes", "X-API-Key: right")
        #expect(slowed.status == 429 && slowed.header("Retry-After") != nil)
        #expect(try services.answer("GET", "/health", "X-API-Key: wrong").status == 429)
        #expect(try services.answer("GET", "/api/nodes", "X-API-Key: right", from: "192.0.2.2").status == 200)
        #expect(try services.answer("GET", "/health").status == 200)
        services.now += 1_000
        #expect(try services.answer("GET", "/api/nodes", "X-API-Key: right").status == 200)
        for _ in 1...30 { _ = try refusal(services, "/ws/r/u", ["Authorization: Bearer x"]) }
        #expect(try services.answer("GET", "/api/nodes", "X-API-Key: right").status == 200)
    }

    @Test("Keys that are read again hold in place of the former; what can't be read gives none")
    func reload() throws {
        let source = Source()
        let tokens = try TokenSource { try source.read() }
        var gate = tokens.first
        let (user, now) = (Identifier(unchecked: "u"), 1_700_000_000_000)
        let (old, new) = (try TestTokens.make("u"), try TestTokens.make("u", secret: "another secret"))
        #expect(throws: TokenRefusal.token(.signature)) {
            try gate.check(Array(new.utf8), user: user, room: nil, at: now)
        }
        source.secret = nil
        #expect(throws: Source.Gone.self) { try tokens.read() }
        _ = try gate.check(Array(old.utf8), user: user, room: nil, at: now)
        source.secret = "another secret"
        gate = try tokens.read()
        _ = try gate.check(Array(new.utf8), user: user, room: nil, at: now)
        #expect(throws: TokenRefusal.token(.signature)) {
            try gate.check(Array(old.utf8), user: user, room: nil, at: now)
        }
    }

    /// Where a gate reads its secret; used by one thread.
    private final class Source: @unchecked Sendable {
        struct Gone: Error {}
        var secret: String? = TestTokens.secret

        func read() throws -> TokenVerifier {
            guard let secret = secret.flatMap(TokenSecret.init) else { throw Gone() }
            var keys = TokenKeys()
            keys.add(secret)
            return TokenVerifier(keys: keys)
        }
    }
}
