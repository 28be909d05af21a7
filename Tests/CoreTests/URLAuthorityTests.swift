import Core
import Testing

@Suite("Host and port of a URL")
struct URLAuthorityTests {
    @Test(
        "Hosts and ports are read, and written again",
        arguments: [
            ("node", "node", nil), ("node:1", "node", 1), ("a_b-c.example:65535", "a_b-c.example", 65535),
            ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]", "::1", nil), ("[2001:db8::7]:6379", "2001:db8::7", 6379),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1), ("[::ffff:1.2.3.4]", "::ffff:1.2.3.4", nil),
        ] as [(String, String, UInt16?)])
    func good(text: String, host: String, port: UInt16?) throws {
        let authority = try URLAuthority(text[...])
        #expect(authority == URLAuthority(host: host, port: port) && authority.description == text)
    }

    @Test(
        "What is no host is said to be none",
        arguments: [
            "", ":1", "[", "[]", "[]:1", "[::1", "::1", "[::1]x", "[::1]x:1", "[1.2.3.4]", "[node]", "[::1%]",
            "[::1%a b]", "[::1::2]", "a b", "nöde", "me@node", "node/", "no%64e", "a\r\nb",
        ])
    func noHost(text: String) {
        #expect(throws: URLAuthority.Fault.host) { try URLAuthority(text[...]) }
    }

    @Test(
        "What is no port is said to be none",
        arguments: ["node:", "node:0", "node:65536", "node:+1", "node:-1", "node:1x", "node: 1", "[::1]:", "node:٣"])
    func noPort(text: String) {
        #expect(throws: URLAuthority.Fault.port) { try URLAuthority(text[...]) }
    }

    @Test("A name of 253 bytes is one, of 254 it is none")
    func nameBound() throws {
        let longest = String(repeating: "n", count: 253)
        #expect(try URLAuthority(longest[...]).host == longest)
        #expect(throws: URLAuthority.Fault.host) { try URLAuthority(("n" + longest)[...]) }
    }
}
