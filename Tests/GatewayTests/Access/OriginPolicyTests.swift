import Gateway
import Testing

@Suite("Origin policy")
struct OriginPolicyTests {
    @Test(
        "Origins and how they are written again",
        arguments: [
            ("http://example.com", "http://example.com"), ("HTTP://Example.COM", "http://example.com"),
            ("http://example.com:80", "http://example.com"), ("https://example.com:443", "https://example.com"),
            ("http://example.com:443", "http://example.com:443"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("http://[::1]:8000", "http://[::1]:8000"), ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("capacitor://localhost", "capacitor://localhost"), ("http://a_b.example", "http://a_b.example"),
            ("https://example.com:08443", "https://example.com:8443"),
        ])
    func valid(text: String, canonical: String) throws {
        #expect(try #require(Origin(text)).description == canonical)
        #expect(Origin(text) == Origin(canonical))
    }

    @Test(
        "Texts that are no origin",
        arguments: [
            "", "null", "*", "example.com", "http:/example.com", "://example.com", "http://", "http://example.com/",
            "http://example.com/x", "http://user@example.com", "http://example.com:", "http://example.com:x",
            "http://example.com:65536", "http://example.com:+80", "http://:80", "1http://example.com",
            "ht tp://example.com",
            "http://exa mple.com", "http://example.com, http://b.example", "http://[::1", "http://[example.com]",
            "http://[]",
            "http://[::1]x", "http://ex\u{212A}.com", "\u{212A}ttp://example.com", "http://example.com\r\nX: y",
            "http://" + String(repeating: "a", count: 600),
        ])
    func invalid(text: String) {
        #expect(Origin(text) == nil)
    }

    @Test(
        "By default pages of the request's own host, and no others",
        arguments: [
            ("http://example.com", "example.com", true), ("https://example.com", "example.com", true),
            ("http://example.com", "EXAMPLE.com:80", true), ("https://example.com", "example.com:443", true),
            ("http://example.com:8000", "example.com:8000", true), ("http://[::1]:8000", "[::1]:8000", true),
            ("http://example.com:8000", "example.com", false), ("http://example.com", "example.com:8000", false),
            ("https://example.com", "example.com:80", false), ("http://evil.example", "example.com", false),
            ("http://example.com.evil.example", "example.com", false), ("http://evilexample.com", "example.com", false),
            ("http://localhost:8000", "127.0.0.1:8000", false), ("null", "example.com", false),
            ("", "example.com", false),
            ("", "", false), ("http://", "", false), ("http://example.com", nil, false),
            ("http://example.com", "", false),
            ("http://example.com", "user@example.com", false),
            ("chrome-extension://example.com", "example.com", false), ("ws://example.com", "example.com", false),
        ] as [(String, String?, Bool)])
    func ownHost(origin: String, host: String?, isAllowed: Bool) {
        #expect(OriginPolicy.ownHost.decide(origin: origin, host: host) == (isAllowed ? .own : .refused))
        #expect(OriginPolicy.ownHost.isAllowed(origin: origin, host: host) == isAllowed)
    }

    @Test("A list allows what is on it, its own host too only if listed")
    func list() throws {
        let policy = OriginPolicy.list([
            try #require(Origin("https://chat.example")), try #require(Origin("http://node.example:8000")),
        ])
        let host = "node.example:8000"
        #expect(
            policy.decide(origin: "https://chat.example", host: host) == .foreign(allowOrigin: "https://chat.example"))
        #expect(
            policy.decide(origin: "HTTPS://CHAT.example:443", host: nil)
                == .foreign(allowOrigin: "https://chat.example"))
        #expect(policy.decide(origin: "http://node.example:8000", host: host) == .own)
        for origin in ["http://chat.example", "https://chat.example:444", "https://node.example:8000", "null", "*", ""]
        {
            #expect(policy.decide(origin: origin, host: host) == .refused, "\(origin)")
        }
        // A name that is made to resolve to this node is of the request's own host, but not on the list.
        #expect(!policy.isAllowed(origin: "http://rebound.example:8000", host: "rebound.example:8000"))
    }

    @Test("With * every origin is allowed, also an opaque one")
    func any() {
        for origin in ["http://a.example", "null", "", "rubbish"] {
            #expect(OriginPolicy.any.decide(origin: origin, host: "node.example") == .foreign(allowOrigin: "*"))
        }
    }
}
