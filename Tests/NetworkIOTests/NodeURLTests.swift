import Testing

@testable import NetworkIO

@Suite("Addresses of nodes as tools take them")
struct NodeURLTests {
    @Test(
        "host, port and address",
        arguments: [
            ("ws://127.0.0.1", "127.0.0.1", "127.0.0.1:80"),
            ("ws://127.0.0.1:8000/", "127.0.0.1:8000", "127.0.0.1:8000"),
            ("ws://[::1]:9", "[::1]:9", "[::1]:9"), ("ws://[::1]", "[::1]", "[::1]:80"),
            ("wss://[::1]", "[::1]", "[::1]:443"), ("wss://127.0.0.1:8000/", "127.0.0.1:8000", "127.0.0.1:8000"),
        ])
    func good(text: String, host: String, address: String) throws {
        let url = try #require(NodeURL(text))
        #expect(url.text == text && url.host == host && url.address.text == address)
        #expect(url.isSecure == text.hasPrefix("wss") && url.name == (text.contains("[::1]") ? "::1" : "127.0.0.1"))
    }

    @Test(
        "refused",
        arguments: [
            "", "ws://", "127.0.0.1:8000", "http://127.0.0.1", "wss://", "wss//127.0.0.1", "ws://127.0.0.1:0",
            "ws://127.0.0.1:x",
            "ws://127.0.0.1:70000", "ws://127.0.0.1/path", "ws://me@127.0.0.1", "ws://127.0.0.1?a", "ws://127.0.0.1 ",
            "ws://127.0.0.1\r\nHost: x", "ws://127.0.0.1:8000\n",
        ])
    func bad(text: String) { #expect(NodeURL(text) == nil) }
}
