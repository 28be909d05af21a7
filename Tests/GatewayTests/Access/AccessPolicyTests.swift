import Core
import Gateway
import Testing

@Suite("API key gate")
struct APIKeyGateTests {
    private let gate = APIKeyGate(keys: ["s3cret-Key"])

    @Test("The right key in either field opens")
    func opens() throws {
        let gate = try #require(gate)
        #expect(gate.admits(apiKey: "s3cret-Key", authorization: nil))
        for scheme in ["Bearer", "bearer", "BEARER"] {
            #expect(gate.admits(apiKey: nil, authorization: "\(scheme) s3cret-Key"))
            #expect(gate.admits(apiKey: nil, authorization: "\(scheme)   s3cret-Key"))
        }
        #expect(gate.admits(apiKey: "wrong", authorization: "Bearer s3cret-Key"))
        #expect(gate.admits(apiKey: "s3cret-Key", authorization: "Bearer wrong"))
    }

    @Test(
        "Nothing else does",
        arguments: [
            nil, "", "s", "s3cret-Ke", "s3cret-Kez", "s3cret-Key ", " s3cret-Key", "s3cret-Keys3cret-Key", "S3CRET-KEY",
            "s3cret-Key\u{301}", "t3cret-Key", "s3cret-Key, s3cret-Key", String(repeating: "s3cret-Key", count: 1000),
        ])
    func staysShut(candidate: String?) throws {
        let gate = try #require(gate)
        #expect(!gate.admits(apiKey: candidate, authorization: nil))
        #expect(!gate.admits(apiKey: nil, authorization: candidate))
        #expect(!gate.admits(apiKey: nil, authorization: candidate.map { "Basic \($0)" }))
        // A blank after the scheme is no part of the key; one after the key is.
        guard candidate != " s3cret-Key" else { return }
        #expect(!gate.admits(apiKey: nil, authorization: candidate.map { "Bearer \($0)" }))
    }

    @Test("Neither a bare scheme nor another one, even with the right key")
    func schemes() throws {
        let gate = try #require(gate)
        for field in [
            "Bearer", "Bearer ", "Bearers3cret-Key", "Basic s3cret-Key", "Bearerr s3cret-Key", "s3cret-Key", "",
        ] {
            #expect(!gate.admits(apiKey: nil, authorization: field), "\(field)")
        }
    }

    @Test("There is no gate for an empty key")
    func emptyKey() {
        #expect(APIKeyGate(keys: [""]) == nil && APIKeyGate(keys: []) == nil)
        #expect(APIKeyGate(keys: ["x"]) != nil)
    }
}

@Suite("Access policy")
struct AccessPolicyTests {
    typealias Requirement = AccessPolicy.Requirement

    @Test(
        "What a request needs",
        arguments: [
            ("GET", "", .nothing), ("GET", "health", .nothing), ("GET", "ready", .nothing),
            ("GET", "ws/room/user", .nothing),
            ("GET", "chat/api", .nothing), ("GET", "echo", .nothing), ("DELETE", "chat/x", .nothing),
            ("GET", "metrics", .apiKey), ("HEAD", "metrics", .apiKey), ("GET", "metrics/x", .nothing),
            ("GET", "api/rooms", .apiKey), ("POST", "api/rooms", .apiKey), ("GET", "api/system/status", .apiKey),
            ("POST", "api/rooms/r/messages", .apiKey), ("POST", "api/users/u/messages", .apiKey),
            ("GET", "api/unknown", .apiKey), ("GET", "api", .apiKey), ("GET", "api/", .apiKey),
            ("DELETE", "api/rooms/r", .apiKeyOrLoopback), ("DELETE", "api/users/u/connections", .apiKeyOrLoopback),
            ("DELETE", "api/unknown", .apiKeyOrLoopback), ("DELETE", "metrics", .apiKeyOrLoopback),
            ("GET", "api/system/tier", .apiKey), ("PUT", "api/system/tier", .apiKeyOrLoopback),
            ("GET", "api/links", .apiKey), ("HEAD", "api/links/x", .apiKey), ("POST", "api/links", .apiKeyOrLoopback),
            ("POST", "api/links/x/enable", .apiKeyOrLoopback), ("PUT", "api/links/x", .apiKeyOrLoopback),
            ("POST", "api/linksx", .apiKey), ("PUT", "api/system/tier/x", .apiKey),
            ("PUT", "api/users/u/rooms/r", .apiKeyOrLoopback), ("DELETE", "api/users/u/rooms/r", .apiKeyOrLoopback),
            ("POST", "api/publish", .apiKey), ("GET", "api/users", .apiKey),
            ("OPTIONS", "api/rooms", .nothing), ("OPTIONS", "api/links", .nothing),
            ("get", "api/links", .apiKeyOrLoopback),
        ] as [(String, String, Requirement)])
    func requirement(method: String, path: String, expected: Requirement) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        #expect(Requirement(method: method, path: segments) == expected)
    }

    @Test("Every combination of key, shown key and place", arguments: [true, false], [true, false])
    func decisions(isConfigured: Bool, isLocal: Bool) throws {
        let gate = isConfigured ? APIKeyGate(keys: ["key"]) : nil
        let policy = AccessPolicy(gate: gate)
        for shown in ["key", "wrong", nil] {
            func decide(_ requirement: Requirement) -> AccessPolicy.Decision {
                policy.decide(requirement, apiKey: shown, authorization: nil, isThisMachine: isLocal)
            }
            #expect(decide(.nothing) == .allowed)
            if isConfigured {
                // A configured key is asked for from this machine, too.
                #expect(decide(.apiKey) == (shown == "key" ? .allowed : .unauthorized))
                #expect(decide(.apiKeyOrLoopback) == (shown == "key" ? .allowed : .unauthorized))
            } else {
                #expect(decide(.apiKey) == .allowed)
                #expect(decide(.apiKeyOrLoopback) == (isLocal ? .allowed : .forbidden))
            }
        }
    }

    @Test("A host names this machine when it is localhost or a loopback address, whatever the port")
    func hosts() {
        for host in ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:80", "127.9.9.9", "[::1]:8000", "[::1]"] {
            #expect(HostName(host).isLoopback, "\(host)")
        }
        for host in [
            "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", "", ":80",
            "0.0.0.0", "::1", "127.1",
        ] {
            #expect(!HostName(host).isLoopback, "\(host)")
        }
    }

    @Test("Allowed hosts are names without a port, in any case")
    func allowedHosts() throws {
        let hosts = try #require(AllowedHosts(["chat.example", "[2001:db8::1]"]))
        for host in ["chat.example", "CHAT.example:443", "chat.example.", "[2001:db8::1]:8000"] {
            #expect(hosts.contains(host), "\(host)")
        }
        for host in ["a.chat.example", "chat.example.evil", "192.0.2.1", nil] { #expect(!hosts.contains(host)) }
        for items in [[], [""], ["a:80"], ["https://a"], ["[x]"], ["*"]] { #expect(AllowedHosts(items) == nil) }
    }
}
