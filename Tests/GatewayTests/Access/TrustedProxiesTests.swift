import Core
import Gateway
import TestSupport
import Testing

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    /// The effective address for texts; the trusted blocks are separated by spaces.
    private func effective(
        _ trusted: String, peer: String, forwarded: String? = nil, forwardedFor: String? = nil, realIP: String? = nil
    ) throws -> String {
        let proxies = TrustedProxies(try trusted.split(separator: " ").map { try #require(CIDR(String($0))) })
        return proxies.effectiveAddress(
            peer: try #require(IPAddress(peer)),
            TrustedProxies.Fields(forwarded: forwarded, forwardedFor: forwardedFor, realIP: realIP)
        )?.description ?? "unknown"
    }

    private static let local = "127.0.0.0/8 ::1"
    private static let chain = "127.0.0.0/8 10.0.0.0/8"

    @Test("Without fields it is the peer")
    func peerAlone() throws {
        #expect(try effective(Self.local, peer: "127.0.0.1") == "127.0.0.1")
        #expect(try effective(Self.local, peer: "203.0.113.7") == "203.0.113.7")
        #expect(try effective(Self.local, peer: "127.0.0.1", forwardedFor: "") == "127.0.0.1")
        #expect(try effective(Self.local, peer: "127.0.0.1", forwardedFor: " , ,", realIP: " ") == "127.0.0.1")
    }

    @Test("A peer that is not trusted can claim nothing")
    func untrustedPeer() throws {
        for claim in ["127.0.0.1", "198.51.100.1", "garbage", ""] {
            #expect(
                try effective(Self.local, peer: "203.0.113.7", forwardedFor: claim, realIP: claim) == "203.0.113.7")
        }
        #expect(try effective("", peer: "127.0.0.1", forwardedFor: "198.51.100.1") == "127.0.0.1")
    }

    @Test("Of a list the right-most address that is not trusted counts, whatever the client wrote before it")
    func rightMostUntrusted() throws {
        for (list, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("127.0.0.1, 198.51.100.1", "198.51.100.1"),
            ("127.0.0.1,198.51.100.1,10.1.2.3", "198.51.100.1"),
            ("rubbish, 198.51.100.1, 10.1.2.3, 10.9.9.9", "198.51.100.1"),
            ("192.0.2.1, 198.51.100.1 ,\t10.1.2.3", "198.51.100.1"),
            ("198.51.100.1, , 10.1.2.3,", "198.51.100.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            #expect(try effective(Self.chain, peer: "127.0.0.1", forwardedFor: list) == expected, "\(list)")
            #expect(try effective(Self.chain, peer: "::ffff:127.0.0.1", forwardedFor: list) == expected, "\(list)")
        }
    }

    @Test("Entries with a port, and IPv6 in brackets")
    func ports() throws {
        for (entry, expected) in [
            ("198.51.100.1:1234", "198.51.100.1"), ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:65535", "2001:db8::1"),
        ] {
            #expect(try effective(Self.local, peer: "127.0.0.1", forwardedFor: entry) == expected)
        }
    }

    @Test(
        "Rubbish where the address should be is nobody: neither loopback nor a way around limits",
        arguments: [
            "unknown", "_hidden", "198.51.100.1:", "198.51.100.1:123456", "198.51.100.1:x", "[198.51.100.1]", "[::1",
            "[::1]x",
            "[::1]:", "::1%lo", "\"198.51.100.1\"", "999.1.1.1", "東京", "\u{0}", "unix:", ":", "[", "]", "[]", "127.1",
        ])
    func rubbish(entry: String) throws {
        #expect(try effective(Self.local, peer: "127.0.0.1", forwardedFor: entry) == "unknown")
        #expect(try effective(Self.local, peer: "127.0.0.1", realIP: entry) == "unknown")
        #expect(try effective(Self.chain, peer: "127.0.0.1", forwardedFor: "\(entry), 10.0.0.1") == "unknown")
    }

    @Test("When all are trusted the left-most counts")
    func allTrusted() throws {
        #expect(try effective(Self.chain, peer: "127.0.0.1", forwardedFor: "10.1.1.1, 10.2.2.2") == "10.1.1.1")
        #expect(try effective(Self.local, peer: "127.0.0.1", forwardedFor: "127.0.0.1") == "127.0.0.1")
        #expect(try effective(Self.local, peer: "::1", forwardedFor: "::1, 127.0.0.9") == "::1")
    }

    @Test("Another machine's loopback is not ours")
    func foreignLoopback() throws {
        #expect(try effective(Self.chain, peer: "127.0.0.1", forwardedFor: "127.0.0.1, 10.1.2.3") == "10.1.2.3")
        #expect(try effective(Self.chain, peer: "10.1.2.3", forwardedFor: "127.0.0.1") == "10.1.2.3")
        #expect(try effective("10.0.0.0/8", peer: "10.1.2.3", forwardedFor: "::1") == "10.1.2.3")
        #expect(try effective("10.0.0.0/8", peer: "10.1.2.3", realIP: "127.0.0.1") == "10.1.2.3")
    }

    @Test("X-Real-IP alone is believed; beside a list it has to agree")
    func realIP() throws {
        #expect(try effective(Self.local, peer: "127.0.0.1", realIP: "198.51.100.1") == "198.51.100.1")
        #expect(try effective(Self.local, peer: "127.0.0.1", realIP: " 2001:db8::5 ") == "2001:db8::5")
        #expect(
            try effective(Self.local, peer: "127.0.0.1", forwardedFor: ",", realIP: "198.51.100.1") == "198.51.100.1")
        for (list, real, expected) in [
            ("192.0.2.9", "192.0.2.9", "192.0.2.9"), ("192.0.2.9", "198.51.100.1", "unknown"),
            ("127.0.0.1", "203.0.113.7", "unknown"), ("203.0.113.7", "127.0.0.1", "unknown"),
            // A proxy behind another: the one before it is trusted, and stands in the list.
            ("192.0.2.9, 10.0.0.1", "10.0.0.1", "192.0.2.9"), ("192.0.2.9", "10.0.0.1", "unknown"),
            ("192.0.2.9", "192.0.2.9, 198.51.100.1", "unknown"), ("192.0.2.9", "x", "unknown"),
        ] {
            #expect(
                try effective(Self.chain, peer: "127.0.0.1", forwardedFor: list, realIP: real) == expected,
                "\(list) and \(real)")
        }
    }

    @Test("Forwarded (RFC 7239) is a list like X-Forwarded-For")
    func forwarded() throws {
        for (field, expected) in [
            ("for=203.0.113.7", "203.0.113.7"), ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=198.51.100.1, for=10.1.2.3", "198.51.100.1"), ("for=127.0.0.1, for=198.51.100.1", "198.51.100.1"),
            ("proto=\"a,for=127.0.0.1;b\";for=198.51.100.1", "198.51.100.1"), ("", "127.0.0.1"),
            ("for=unknown", "unknown"), ("for=_hidden", "unknown"), ("proto=http", "unknown"), ("for=", "unknown"),
            ("for=127.0.0.1;for=198.51.100.1", "unknown"), ("for=\"127.0.0.1", "unknown"), ("rubbish", "unknown"),
        ] {
            #expect(try effective(Self.chain, peer: "127.0.0.1", forwarded: field) == expected, "\(field)")
        }
        #expect(try effective(Self.local, peer: "203.0.113.7", forwarded: "for=127.0.0.1") == "203.0.113.7")
    }

    @Test("A client's open quote does not swallow what a proxy appended", arguments: ["127.0.0.1", "192.0.2.60"])
    func openQuote(claim: String) throws {
        for open in ["for=\(claim);by=\"", "for=\(claim);by=\"x", "for=\(claim);by=\"a\"b\""] {
            let field = open + ", for=198.51.100.1"
            #expect(try effective(Self.chain, peer: "127.0.0.1", forwarded: field) == "unknown", "\(field)")
        }
    }

    @Test("Forwarded and X-Forwarded-For have to agree")
    func forwardedAndList() throws {
        for (field, list, expected) in [
            ("for=192.0.2.9", "192.0.2.9", "192.0.2.9"), ("for=192.0.2.9", "198.51.100.1", "unknown"),
            ("for=127.0.0.1", "198.51.100.1", "unknown"), ("for=192.0.2.9, for=10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ] {
            let came = try effective(Self.chain, peer: "127.0.0.1", forwarded: field, forwardedFor: list)
            #expect(came == expected, "\(field) and \(list)")
        }
    }

    @Test("No list that ends in what the proxy saw makes a remote client local", arguments: [UInt64(91), 92])
    func neverSpoofed(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pieces = [
            "127.0.0.1", "::1", "10.0.0.1", "198.51.100.1", ",", " ", "x", "[::1]", ":80", "\"", "::ffff:127.0.0.1",
        ]
        for _ in 0..<3000 {
            let claim = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            .joined(separator: Bool.random(using: &random) ? "," : "")
            let list = claim.isEmpty ? "203.0.113.7" : claim + ", 203.0.113.7"
            let realIP = pieces.randomElement(using: &random)
            let result = try effective(Self.local, peer: "127.0.0.1", forwardedFor: list, realIP: realIP)
            #expect(result == "203.0.113.7" || result == "unknown", "seed \(seed): \(list)")
        }
    }

    @Test("Thousands of entries are walked in time in proportion to them")
    func longList() throws {
        let list =
            String(repeating: "10.1.1.1,", count: 1800) + "198.51.100.1" + String(repeating: ",10.1.1.1", count: 1800)
        #expect(try effective(Self.chain, peer: "127.0.0.1", forwardedFor: list) == "198.51.100.1")
    }
}
