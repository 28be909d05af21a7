import Testing

@testable import WireProtocol

@Suite("RFC 6455 §4.2 opening handshake, the server's side")
struct WebSocketHandshakeServerTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    private func evaluate(
        line: String = "GET /ws/a/b HTTP/1.1", upgrade: String? = "websocket", connection: String? = "Upgrade",
        version: String? = "13", key: String? = WebSocketHandshakeServerTests.key, more: String = "", body: String = ""
    ) throws -> Result<WebSocketUpgrade, WebSocketRefusal> {
        var text = "\(line)\r\nHost: server.example.com\r\n"
        for (name, value) in [
            ("Upgrade", upgrade), ("Connection", connection), ("Sec-WebSocket-Version", version),
            ("Sec-WebSocket-Key", key),
        ] {
            if let value { text += "\(name): \(value)\r\n" }
        }
        return WebSocketHandshake.evaluate(try HTTPFeeding.parsed("\(text)\(more)\r\n\(body)"))
    }

    private func refusal(_ result: Result<WebSocketUpgrade, WebSocketRefusal>) -> WebSocketRefusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    @Test("§4.2.1 what is accepted")
    func accepted() throws {
        let plain = WebSocketUpgrade(key: WebSocketHandshakeServerTests.key, protocols: [], extensions: [])
        #expect(try evaluate().get() == plain)
        #expect(try evaluate(upgrade: "WebSocket", connection: "keep-alive, UPGRADE").get() == plain)
        #expect(try evaluate(upgrade: "h2c, websocket").get() == plain)
        #expect(try evaluate(version: " 13 ").get() == plain)
        #expect(try evaluate(more: "Content-Length: 0\r\n").get() == plain)
        let lists =
            "Sec-WebSocket-Protocol: sluice.v1, b\r\nSec-WebSocket-Extensions: x; y=1\r\n"
            + "Sec-WebSocket-Protocol: ,c,\r\nSec-WebSocket-Extensions: z\r\n"
        let offered = try evaluate(more: lists).get()
        #expect(offered.protocols == ["sluice.v1", "b", "c"])
        let parameter = WebSocketExtension.Parameter(name: "y", value: "1")
        #expect(
            offered.extensions == [
                WebSocketExtension(name: "x", parameters: [parameter]), WebSocketExtension(name: "z", parameters: []),
            ])
    }

    @Test(
        "§4.2.1 not a handshake at all: 426 with Upgrade",
        arguments: [nil, "", "h2c", "web socket", "websockets"] as [String?])
    func upgradeRequired(upgrade: String?) throws {
        let refusal = try #require(refusal(try evaluate(upgrade: upgrade)))
        #expect(refusal.failure.status == 426)
        #expect(!refusal.failure.closes)
        #expect(refusal.headers.contains { $0 == ("Upgrade", "websocket") })
        #expect(refusal.headers.contains { $0 == ("Connection", "Upgrade") })
    }

    @Test(
        "§4.4 another version: 426 with the right one",
        arguments: [nil, "12", "8", "14", "013", "13, 8", "", "x"] as [String?])
    func otherVersion(version: String?) throws {
        let refusal = try #require(refusal(try evaluate(version: version)))
        #expect(refusal.failure.status == 426)
        #expect(refusal.headers.contains { $0 == ("Sec-WebSocket-Version", "13") })
        #expect(refusal.headers.contains { $0 == ("Upgrade", "websocket") })
    }

    @Test(
        "§4.2.1 the key is base64 of 16 bytes, once",
        arguments: [
            nil, "", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQ=A",
            "dGhlIHNhbXBsZSBub25j ZQ==", "dGhlIHNhbXBsZSBub25-ZQ==", "dGhlIHNhbXBsZSBub2_jZQ==",
            "dGhlIHNhbXBsZSBub25jZWE=", "dGhlIHNhbXBsZSBub25j=Q==",
        ] as [String?])
    func badKey(key: String?) throws {
        let refusal = try #require(refusal(try evaluate(key: key)))
        #expect(refusal.failure.status == 400)
        #expect(refusal.failure.code == "bad_request")
    }

    @Test("§4.2.1 two keys")
    func twoKeys() throws {
        let more = "Sec-WebSocket-Key: \(WebSocketHandshakeServerTests.key)\r\n"
        #expect(refusal(try evaluate(more: more))?.failure.status == 400)
    }

    @Test("§4.2.1 method, version of HTTP, Connection, body, protocols")
    func otherRules() throws {
        let post = try #require(refusal(try evaluate(line: "POST /ws/a/b HTTP/1.1")))
        #expect(post.failure.status == 405)
        #expect(post.failure.code == "method_not_allowed")
        #expect(post.headers.contains { $0 == ("Allow", "GET") })
        #expect(refusal(try evaluate(line: "HEAD /ws/a/b HTTP/1.1"))?.failure.status == 405)
        #expect(refusal(try evaluate(line: "GET /ws/a/b HTTP/1.0"))?.failure.status == 400)
        #expect(refusal(try evaluate(connection: nil))?.failure.status == 400)
        #expect(refusal(try evaluate(connection: "keep-alive"))?.failure.status == 400)
        #expect(refusal(try evaluate(more: "Content-Length: 1\r\n", body: "x"))?.failure.status == 400)
        #expect(refusal(try evaluate(more: "Sec-WebSocket-Protocol: a b\r\n"))?.failure.status == 400)
        #expect(refusal(try evaluate(more: "Sec-WebSocket-Protocol: a/b\r\n"))?.failure.status == 400)
    }

    @Test("§4.2.2 the answer")
    func answer() {
        var out: [UInt8] = []
        WebSocketHandshake.acceptResponse(accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", subprotocol: nil, into: &out)
        #expect(
            String(decoding: out, as: UTF8.self)
                == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        out = []
        WebSocketHandshake.acceptResponse(accept: "x", subprotocol: "sluice.v1", into: &out)
        #expect(String(decoding: out, as: UTF8.self).hasSuffix("Sec-WebSocket-Protocol: sluice.v1\r\n\r\n"))
        #expect(WebSocketHandshake.acceptSuffix == "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    }
}

@Suite("RFC 6455 §4.1 opening handshake, the client's side")
struct WebSocketHandshakeClientTests {
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private func check(
        _ text: String, offered: [String] = [], offersExtensions: Bool = false
    ) throws -> WebSocketHandshakeFault? {
        var parser = HTTPResponseHeadParser()
        let event = Array(text.utf8).withUnsafeBytes { parser.consume($0).event }
        guard case .head(let head) = event else { throw HTTPNoRequest(event: "\(event)") }
        return WebSocketHandshake.checkServer(
            response: head, expectedAccept: WebSocketHandshakeClientTests.accept, offeredProtocols: offered,
            offersExtensions: offersExtensions)
    }

    private func answer(
        line: String = "HTTP/1.1 101 Switching Protocols", upgrade: String = "Upgrade: WebSocket\r\n",
        connection: String = "Connection: x, upgrade\r\n",
        accept: String = "Sec-WebSocket-Accept:  \(WebSocketHandshakeClientTests.accept) \r\n", more: String = ""
    ) -> String {
        "\(line)\r\n\(upgrade)\(connection)\(accept)\(more)\r\n"
    }

    @Test("the request is one that the server accepts")
    func request() throws {
        let bytes = WebSocketHandshake.clientRequest(
            host: "127.0.0.1:8000", target: "/ws/a%20b/c?token=x", key: "dGhlIHNhbXBsZSBub25jZQ==",
            protocols: ["sluice.v1", "b"], headers: [("X-A", "1")])
        let request = try HTTPFeeding.parsed(String(decoding: bytes, as: UTF8.self))
        #expect(request.path == ["ws", "a b", "c"])
        #expect(request.host == "127.0.0.1:8000")
        #expect(request.header("x-a") == "1")
        let upgrade = try WebSocketHandshake.evaluate(request).get()
        #expect(upgrade.key == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(upgrade.protocols == ["sluice.v1", "b"])
        #expect(upgrade.extensions == [])
    }

    @Test(
        "nothing in a URL breaks the request line",
        arguments: [
            ("", []), ("a", ["a"]), ("/a b\r\nX: y", ["a b\r\nX: y"]), ("/é#x", ["é#x"]), ("?a=1", [""]),
        ] as [(String, [String])])
    func hostileTarget(target: String, path: [String]) throws {
        let bytes = WebSocketHandshake.clientRequest(host: "a\r\n", target: target, key: "dGhlIHNhbXBsZSBub25jZQ==")
        let request = try HTTPFeeding.parsed(String(decoding: bytes, as: UTF8.self))
        #expect(request.path == (target == "?a=1" || target.isEmpty ? [] : path))
        #expect(request.host == "a")
        #expect(request.fields.lines.count == 5)
    }

    @Test("what is accepted")
    func accepted() throws {
        #expect(try check(answer()) == nil)
        #expect(try check(answer(), offered: ["a"]) == nil)
        #expect(try check(answer(more: "Sec-WebSocket-Protocol: b\r\n"), offered: ["a", "b"]) == nil)
        #expect(try check(answer(more: "Sec-WebSocket-Extensions:\r\n")) == nil)
        #expect(
            try check(answer(more: "Sec-WebSocket-Extensions: permessage-deflate\r\n"), offersExtensions: true) == nil)
    }

    @Test("what fails the connection")
    func refused() throws {
        #expect(try check(answer(line: "HTTP/1.1 200 OK")) == .refused(status: 200))
        #expect(try check(answer(line: "HTTP/1.1 503 Busy")) == .refused(status: 503))
        #expect(try check(answer(line: "HTTP/1.0 101 x")) == .oldVersion)
        #expect(try check(answer(upgrade: "")) == .noUpgrade)
        #expect(try check(answer(upgrade: "Upgrade: websocket, h2c\r\n")) == .noUpgrade)
        #expect(try check(answer(upgrade: "Upgrade: websocket\r\nUpgrade: websocket\r\n")) == .noUpgrade)
        #expect(try check(answer(connection: "")) == .noConnectionUpgrade)
        #expect(try check(answer(connection: "Connection: close\r\n")) == .noConnectionUpgrade)
        #expect(try check(answer(accept: "")) == .wrongAccept)
        #expect(try check(answer(accept: "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) == .wrongAccept)
        #expect(
            try check(answer(more: "Sec-WebSocket-Accept: \(WebSocketHandshakeClientTests.accept)\r\n")) == .wrongAccept
        )
        #expect(try check(answer(more: "Sec-WebSocket-Protocol: a\r\n")) == .unofferedProtocol)
        #expect(try check(answer(more: "Sec-WebSocket-Protocol: b\r\n"), offered: ["a"]) == .unofferedProtocol)
        #expect(try check(answer(more: "Sec-WebSocket-Protocol: A\r\n"), offered: ["a"]) == .unofferedProtocol)
        #expect(try check(answer(more: "Sec-WebSocket-Protocol: a, b\r\n"), offered: ["a", "b"]) == .unofferedProtocol)
        #expect(try check(answer(more: "Sec-WebSocket-Extensions: permessage-deflate\r\n")) == .unofferedExtension)
        for fault in [
            WebSocketHandshakeFault.refused(status: 503), .oldVersion, .noUpgrade, .noConnectionUpgrade, .wrongAccept,
            .unofferedProtocol, .unofferedExtension,
        ] {
            #expect(!fault.message.isEmpty)
        }
        #expect(WebSocketHandshakeFault.refused(status: 503).message.contains("503 Service Unavailable"))
    }
}
