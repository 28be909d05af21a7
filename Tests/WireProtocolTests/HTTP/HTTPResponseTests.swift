import Testing

@testable import WireProtocol

@Suite("RFC 9112 §4, §6: responses as they are sent")
struct HTTPResponseTests {
    private func encoded(
        _ response: HTTPResponse, keepAlive: Bool = true, isHead: Bool = false, minorVersion: Int = 1
    ) -> String {
        var out = Array("before|".utf8)
        response.encode(into: &out, keepAlive: keepAlive, isHead: isHead, minorVersion: minorVersion)
        return String(String(decoding: out, as: UTF8.self).dropFirst("before|".count))
    }

    /// The line of every response.
    private let sniff = "X-Content-Type-Options: nosniff\r\n"

    @Test("length, connection and body")
    func whole() {
        let response = HTTPResponse(status: 200, headers: [("Content-Type", "text/plain")], body: Array("hello".utf8))
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\(sniff)Content-Length: 5\r\n"
        #expect(encoded(response) == head + "\r\nhello")
        #expect(encoded(response, keepAlive: false) == head + "Connection: close\r\n\r\nhello")
        #expect(encoded(response, minorVersion: 0) == head + "Connection: keep-alive\r\n\r\nhello")
        #expect(encoded(response, keepAlive: false, minorVersion: 0) == head + "Connection: close\r\n\r\nhello")
        #expect(encoded(response, isHead: true) == head + "\r\n")
        #expect(encoded(HTTPResponse(status: 404)) == "HTTP/1.1 404 Not Found\r\n\(sniff)Content-Length: 0\r\n\r\n")
    }

    @Test(
        "RFC 9110 §8.6 statuses without a body",
        arguments: [(101, "Switching Protocols"), (204, "No Content"), (304, "Not Modified")])
    func withoutBody(status: Int, reason: String) {
        let response = HTTPResponse(status: status, body: Array("ignored".utf8))
        #expect(encoded(response) == "HTTP/1.1 \(status) \(reason)\r\n\(sniff)\r\n")
    }

    @Test("a value can't end its line")
    func injection() {
        let response = HTTPResponse(status: 200, headers: [("X", "a\r\nSet-Cookie: b\u{0}\u{7F}\tc"), ("Y\r\nZ", "é")])
        #expect(
            encoded(response)
                == "HTTP/1.1 200 OK\r\nX: a  Set-Cookie: b  \tc\r\nY  Z: é\r\n\(sniff)Content-Length: 0\r\n\r\n")
    }

    @Test("§6.3 a body that ends with the connection")
    func untilClose() {
        var out: [UInt8] = []
        HTTPResponse(status: 200, headers: [("Content-Type", "text/event-stream")], body: Array(": hi\n\n".utf8))
            .encodeUntilClose(into: &out)
        #expect(
            String(decoding: out, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\(sniff)Connection: close\r\n\r\n: hi\n\n")
    }

    @Test("every status of the contract has its phrase")
    func reasons() {
        for status in [
            100, 101, 200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 414, 415, 417, 426, 429, 431, 500, 501,
            503, 505,
        ] {
            #expect(HTTPStatus.reason(status) != "Unknown")
        }
        #expect(HTTPStatus.reason(431) == "Request Header Fields Too Large")
        #expect(HTTPStatus.reason(599) == "Unknown")
    }
}

/// Runs of the client's parser, for comparison.
enum HTTPResponseFeeding {
    static func run(_ bytes: [UInt8], pieces: [Int], _ limits: HTTPLimits = HTTPLimits()) -> String {
        var parser = HTTPResponseHeadParser(limits: limits)
        var start = 0
        for length in pieces {
            let (consumed, event) = Array(bytes[start..<start + length]).withUnsafeBytes { parser.consume($0) }
            switch event {
            case .incomplete:
                #expect(consumed == length)
                start += length
            case .failed(let failure):
                return "failed: \(failure.status) \(failure.message)"
            case .head(let head):
                let lines = head.fields.lines.map { "\(head.fields.text($0.name)):\(head.fields.text($0.value))" }
                return "\(head.status) HTTP/1.\(head.minorVersion) \(lines) then \(bytes.count - start - consumed)"
            }
        }
        return "incomplete"
    }

    static func outcome(_ text: String, _ limits: HTTPLimits = HTTPLimits()) -> String {
        let bytes = Array(text.utf8)
        let whole = run(bytes, pieces: [bytes.count], limits)
        #expect(run(bytes, pieces: Array(repeating: 1, count: bytes.count), limits) == whole)
        return whole
    }
}

@Suite("RFC 9112 §4: response heads as a client reads them")
struct HTTPResponseHeadParserTests {
    @Test(
        "status lines",
        arguments: [
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "101 HTTP/1.1 [] then 0"),
            ("HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody", "200 HTTP/1.0 [\"A:b\"] then 4"),
            ("HTTP/1.1 404 \r\n\r\n", "404 HTTP/1.1 [] then 0"), ("HTTP/1.1 503\r\n\r\n", "503 HTTP/1.1 [] then 0"),
            ("HTTP/1.1 999 x y\r\n\r\n", "999 HTTP/1.1 [] then 0"),
            ("HTTP/1.1 200 OK\r\n", "incomplete"), ("", "incomplete"),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 101 S\r\nA: b\r\n\r\n!",
                "101 HTTP/1.1 [\"A:b\"] then 1"
            ),
        ])
    func statusLine(text: String, outcome: String) {
        #expect(HTTPResponseFeeding.outcome(text) == outcome)
    }

    @Test(
        "malformed heads",
        arguments: [
            "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 O\u{0}K\r\n\r\n",
            "+OK hello\r\n\r\n",
        ])
    func malformed(text: String) {
        #expect(HTTPResponseFeeding.outcome(text).hasPrefix("failed"))
    }

    @Test("limits at n and n + 1")
    func limits() {
        let text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
        #expect(HTTPResponseFeeding.outcome(text, HTTPLimits(headBytesMax: text.utf8.count)).hasPrefix("200"))
        #expect(
            HTTPResponseFeeding.outcome(text, HTTPLimits(headBytesMax: text.utf8.count - 1)).hasPrefix("failed: 431"))
        let interim = "HTTP/1.1 102 Processing\r\n\r\n"
        #expect(HTTPResponseFeeding.outcome(String(repeating: interim, count: 8) + text).hasPrefix("200"))
        #expect(HTTPResponseFeeding.outcome(String(repeating: interim, count: 9) + text).hasPrefix("failed"))
    }
}
