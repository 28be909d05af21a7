import Testing

@testable import WireProtocol

@Suite("RFC 9112 §3 request line")
struct HTTPRequestLineTests {
    @Test(
        "§3.1 methods, known and unknown",
        arguments: [
            ("GET", HTTPMethod.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
            ("OPTIONS", .options), ("PATCH", .patch), ("TRACE", .trace),
            ("PROPFIND", .other("PROPFIND")), ("M-SEARCH", .other("M-SEARCH")), ("GE", .other("GE")),
            ("GETX", .other("GETX")),
        ])
    func methods(token: String, method: HTTPMethod) {
        let request = HTTPFeeding.request("\(token) / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(request?.method == method)
        #expect(request?.method.name == token)
        #expect(HTTPMethod(token) == method)
    }

    @Test(
        "§3 malformed request lines",
        arguments: [
            "get / HTTP/1.1", "Get / HTTP/1.1", "GEt / HTTP/1.1", "G@T / HTTP/1.1", " GET / HTTP/1.1",
            "\tGET / HTTP/1.1",
            "GET", "GET ", "GET /", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
            "GET / x HTTP/1.1",
            "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET /a\tb HTTP/1.1", "/ HTTP/1.1", "GET HTTP/1.1", ": / HTTP/1.1",
            "G\u{E9}T / HTTP/1.1", "(GET) / HTTP/1.1",
        ])
    func malformed(line: String) {
        let failure = HTTPFeeding.failure("\(line)\r\nHost: a\r\n\r\n")
        #expect(failure?.status == 400)
        #expect(failure?.code == "bad_request")
    }

    @Test(
        "§2.3 malformed versions are 400",
        arguments: [
            "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/11", "HTTP/1.10", "HTTP/1,1", "http/1.1", "HTTP/a.1", "HTTP/1.a",
            "HTTPS/1.1", "XXXX/1.1",
            "HTTP 1.1", "HTTP/1.1x",
        ])
    func malformedVersion(version: String) {
        #expect(HTTPFeeding.failure("GET / \(version)\r\nHost: a\r\n\r\n")?.status == 400)
    }

    @Test("§2.3 other major versions are 505", arguments: ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"])
    func unsupportedVersion(version: String) {
        let failure = HTTPFeeding.failure("PRI * \(version)\r\n\r\nSM\r\n\r\n")
        #expect(failure?.status == 505)
        #expect(failure?.code == "bad_request")
    }

    @Test("RFC 9110 §2.5 minor versions", arguments: [("1.0", 0), ("1.1", 1), ("1.2", 1), ("1.9", 1)])
    func minorVersion(version: String, minor: Int) {
        #expect(HTTPFeeding.request("GET / HTTP/\(version)\r\nHost: a\r\n\r\n")?.minorVersion == minor)
    }

    @Test("§2.2 one empty line before a request is passed over, a second is not")
    func emptyLineBefore() {
        #expect(HTTPFeeding.request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")?.host == "a")
        #expect(HTTPFeeding.failure("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 400)
        #expect(HTTPFeeding.outcomes(Array("\r\n".utf8)) == [.incomplete(isMidRequest: false)])
        #expect(HTTPFeeding.outcomes(Array("\r".utf8)) == [.incomplete(isMidRequest: true)])
        #expect(HTTPFeeding.outcomes(Array("\r\nG".utf8)) == [.incomplete(isMidRequest: true)])
        // After a body, as some old clients do.
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok\r\n"
        #expect(HTTPFeeding.request(post)?.body == Array("ok".utf8))
    }

    @Test(
        "§2.2 lines end with exactly CRLF",
        arguments: [
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\rHost: a\r\r", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\rX",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\n2\r\n\r\n",
        ])
    func lineEnds(text: String) {
        #expect(HTTPFeeding.failure(text)?.status == 400)
    }

    @Test(
        "every control character but tab is refused wherever it stands in a head", arguments: Array(0...0x1F) + [0x7F])
    func controls(control: UInt8) {
        let head = Array("GET /abc HTTP/1.1\r\nHost: localhost\r\nX-Name: some value that is long enough\r\n\r\n".utf8)
        for position in 0...head.count - 4 {
            var bytes = head
            bytes.insert(control, at: position)
            let outcomes = HTTPFeeding.outcomes(bytes, splits: 1)
            let inValue = (position >= 24 && position <= 34) || (position >= 43 && position <= 75)
            if control == 0x09 && inValue {
                let isInHost = position > 24 && position < 34
                if case .request = outcomes[0], !isInHost || position == 25 { continue }
                #expect(isInHost, "a tab in a value is allowed: \(position) \(outcomes)")
                continue
            }
            guard case .failed(let failure) = outcomes[0] else {
                Issue.record("control \(control) at \(position) passed: \(outcomes)")
                continue
            }
            #expect(failure.status == 400)
        }
    }
}
