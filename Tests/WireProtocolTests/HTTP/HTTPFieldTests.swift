import Testing

@testable import WireProtocol

@Suite("RFC 9112 §5 field lines")
struct HTTPFieldTests {
    private func head(_ lines: String) -> String {
        "GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n"
    }

    @Test(
        "§5.1 names and values",
        arguments: [
            ("X: y", "X:y"), ("X:y", "X:y"), ("X: \t y z \t ", "X:y z"), ("X:", "X:"), ("X:  \t", "X:"),
            ("X: a:b", "X:a:b"), ("X: :", "X::"),
            ("!#$%&'*+-.^_`|~09azAZ: v", "!#$%&'*+-.^_`|~09azAZ:v"), ("X: caf\u{E9}", "X:caf\u{E9}"),
            ("X: a\tb", "X:a\tb"), ("x-y: \"a, b\"", "x-y:\"a, b\""),
        ])
    func fieldLine(line: String, expected: String) {
        #expect(HTTPFeeding.request(head("\(line)\r\n"))?.lines == ["Host:a", expected])
    }

    @Test(
        "§5.1 malformed lines",
        arguments: [
            "X : y", "X\t: y", " X: y", ": y", ":", "X", "X y", "X y: z", "X(: y", "X/Y: z", "X\u{E9}: y", "\"X\": y",
            "X;: y", "@: y", "X{}: y", "[X]: y", "X=: y",
        ])
    func malformedLine(line: String) {
        let failure = HTTPFeeding.failure(head("\(line)\r\n"))
        #expect(failure?.status == 400)
        #expect(HTTPFeeding.failure("GET / HTTP/1.1\r\n\(line)\r\nHost: a\r\n\r\n")?.status == 400)
    }

    @Test(
        "§5.2 folded lines",
        arguments: ["X: y\r\n z\r\n", "X: y\r\n\tz\r\n", "X:\r\n y\r\n", "X: y\r\n \r\n", " X: y\r\n"])
    func folded(lines: String) {
        let failure = HTTPFeeding.failure(head(lines))
        #expect(failure?.status == 400)
        #expect(failure?.message.contains("folded") == true)
    }

    @Test("§2.2 a blank before the first field line")
    func blankBeforeFirst() {
        #expect(HTTPFeeding.failure("GET / HTTP/1.1\r\n Host: a\r\n\r\n")?.status == 400)
        #expect(HTTPFeeding.failure("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n")?.status == 400)
    }

    @Test("any byte from 0x80 on is allowed in a value and becomes text")
    func obsoleteText() throws {
        var bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8)
        bytes += Array(0x80...0xFF)
        bytes += Array("\r\n\r\n".utf8)
        let outcomes = HTTPFeeding.outcomes(bytes)
        guard case .request(let request) = outcomes.first else {
            Issue.record("refused: \(outcomes)")
            return
        }
        #expect(request.lines.count == 2)
    }

    @Test("RFC 9110 §5.2 lookups: any case of the name, lines of one name joined")
    func lookups() throws {
        let request = try HTTPFeeding.parsed(
            head(
                "Accept: a\r\nX-Y: 1\r\naccept: b , c\r\nACCEPT:\r\nAccepted: no\r\n"
                    + "Connection: Keep-Alive ,, UPGRADE\t,x\r\n"
            ))
        #expect(request.header("accept") == "a, b , c, ")
        #expect(request.header("x-y") == "1")
        #expect(request.header("x-z") == nil)
        #expect(request.header("") == nil)
        #expect(request.headerCount("accept") == 3)
        #expect(request.headerCount("x-z") == 0)
        #expect(request.headerHasToken("accept", "c"))
        #expect(request.headerHasToken("accept", "a"))
        #expect(!request.headerHasToken("accept", "ab"))
        #expect(!request.headerHasToken("accept", "b , c"))
        #expect(request.headerHasToken("connection", "upgrade"))
        #expect(request.headerHasToken("connection", "keep-alive"))
        #expect(request.headerHasToken("connection", "x"))
        #expect(!request.headerHasToken("connection", "keep"))
        #expect(!request.headerHasToken("upgrade", "websocket"))
    }

    @Test(
        "RFC 9110 §8.3.1 media type",
        arguments: [
            ("application/json", "application/json"), ("Application/JSON", "application/json"),
            ("application/json; charset=utf-8", "application/json"),
            ("application/json ;x", "application/json"), (" text/plain\t", "text/plain"), ("", ""), (";", ""),
            ("a/b, c/d", "a/b, c/d"),
        ])
    func mediaType(value: String, expected: String) throws {
        #expect(try HTTPFeeding.parsed(head("Content-Type: \(value)\r\n")).mediaType == expected)
        #expect(try HTTPFeeding.parsed(head("")).mediaType == nil)
    }
}
