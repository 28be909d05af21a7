import Core
import Testing

@Suite("URLs of servers")
struct ServerURLTests {
    @Test("WebSocket servers, with and without TLS; what is shown has no path and no query")
    func webSockets() throws {
        let plain = try ServerURL("ws://feed.example:8080/v1?token=hush", .ws)
        #expect(plain.host == "feed.example" && plain.port == 8080 && plain.target == "/v1?token=hush")
        #expect(!plain.isSecure && "\(plain)" == "ws://feed.example:8080")
        let secure = try ServerURL("WSS://feed.example", .ws)
        #expect(secure.isSecure && secure.port == 443 && secure.target == "/" && secure.authority == "feed.example")
    }

    @Test("A fault says what is allowed, and shows nothing of the URL")
    func faults() {
        for (text, fault) in [
            ("http://hush", .scheme(.ws)), ("ws://hush:hush@feed", .credentials), ("ws://hush hush", .host),
            ("ws://hush:0", .port), ("ws://feed/hush#", .characters),
        ] as [(String, ServerURL.Fault)] {
            #expect(throws: fault) { try ServerURL(text, .ws) }
            #expect(!"\(fault)".contains("hush"))
        }
        #expect("\(ServerURL.Fault.scheme(.ws))" == "it does not begin with ws:// or wss://")
    }
}
