import Testing

@testable import WireProtocol

@Suite("RFC 9112 §6 message body")
struct HTTPBodyTests {
    private func post(_ lines: String, _ body: String, version: String = "1.1") -> String {
        "POST /p HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n\(body)"
    }

    @Test(
        "§6.2 Content-Length",
        arguments: [
            ("Content-Length: 5\r\n", "hello"), ("content-length:005\r\n", "hello"), ("Content-Length: 0\r\n", ""),
            ("", ""),
            ("Content-Length: 5, 5\r\n", "hello"), ("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            ("Content-Length: 5 ,05\t, 5\r\nContent-Length: 5\r\n", "hello"),
            ("Content-Length: 00000000000000000000000000000002\r\n", "ok"),
        ])
    func contentLength(lines: String, body: String) {
        let request = HTTPFeeding.request(post(lines, body))
        #expect(request?.body == Array(body.utf8))
        #expect(HTTPFeeding.request(post(lines, body, version: "1.0"))?.body == Array(body.utf8))
    }

    @Test(
        "§6.3 Content-Length: malformed or differing",
        arguments: [
            "", " ", "a", "5a", "a5", "-1", "+5", "0x5", "5 5", "5.0", "5,", ",5", "5,,5", "5, 6", "5;5", "\"5\"", "٥",
            "5e0", "1_0", "5, a",
        ])
    func malformedContentLength(value: String) {
        let failure = HTTPFeeding.failure(post("Content-Length: \(value)\r\n", "hello"))
        #expect(failure?.status == 400)
    }

    @Test(
        "§6.3 differing Content-Length lines, and with Transfer-Encoding",
        arguments: [
            "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "Content-Length: 5\r\nContent-Length:\r\n",
        ])
    func conflictingLengths(lines: String) {
        #expect(HTTPFeeding.failure(post(lines, "5\r\nhello\r\n0\r\n\r\n"))?.status == 400)
    }

    @Test(
        "§6.1 transfer codings other than one chunked",
        arguments: [
            "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunkedx\r\n",
            "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: ,chunked\r\n", "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding: chun ked\r\n", "Transfer-Encoding: \u{B}chunked\r\n",
        ])
    func unknownCoding(lines: String) {
        #expect(HTTPFeeding.failure(post(lines, "0\r\n\r\n"))?.status == 400)
    }

    @Test("§6.1 Transfer-Encoding in HTTP/1.0")
    func codingInOldVersion() {
        #expect(HTTPFeeding.failure(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", version: "1.0"))?.status == 400)
    }

    @Test(
        "a Content-Length over the limit is refused before the body",
        arguments: [
            "1048577", "9223372036854775807", "9223372036854775808", "18446744073709551616", "18446744073709551621",
            "99999999999999999999999999999999999999",
        ])
    func tooLong(value: String) {
        let failure = HTTPFeeding.failure(post("Content-Length: \(value)\r\nExpect: 100-continue\r\n", ""))
        #expect(failure?.status == 413)
        #expect(failure?.code == "too_large")
        #expect(failure?.message.contains("1048576") == true)
    }

    @Test("the body limit at n and n + 1")
    func bodyLimit() {
        let limits = HTTPLimits(bodyBytesMax: 40)
        let most = String(repeating: "x", count: 40)
        #expect(HTTPFeeding.request(post("Content-Length: 40\r\n", most), limits)?.body.count == 40)
        #expect(HTTPFeeding.failure(post("Content-Length: 41\r\n", most + "x"), limits)?.status == 413)
        let coding = "Transfer-Encoding: chunked\r\n"
        #expect(HTTPFeeding.request(post(coding, "28\r\n\(most)\r\n0\r\n\r\n"), limits)?.body.count == 40)
        #expect(HTTPFeeding.failure(post(coding, "29\r\n\(most)x\r\n0\r\n\r\n"), limits)?.status == 413)
        let half = String(repeating: "y", count: 20)
        #expect(
            HTTPFeeding.request(post(coding, "14\r\n\(half)\r\n14\r\n\(half)\r\n0\r\n\r\n"), limits)?.body.count == 40)
        #expect(
            HTTPFeeding.failure(post(coding, "14\r\n\(half)\r\n15\r\n\(half)z\r\n0\r\n\r\n"), limits)?.status == 413)
        #expect(HTTPFeeding.failure(post(coding, "28\r\n\(most)\r\n1\r\nz\r\n0\r\n\r\n"), limits)?.status == 413)
        let none = HTTPLimits(bodyBytesMax: 0)
        #expect(HTTPFeeding.request(post(coding, "0\r\n\r\n"), none)?.body == [])
        #expect(HTTPFeeding.failure(post("Content-Length: 1\r\n", "x"), none)?.status == 413)
    }

    @Test("the default body limit, 1 MiB")
    func defaultBodyLimit() {
        let limit = HTTPLimits().bodyBytesMax
        #expect(limit == 1_048_576)
        let bytes = Array(post("Content-Length: \(limit)\r\n", "").utf8) + [UInt8](repeating: 7, count: limit)
        let outcomes = HTTPFeeding.run(bytes, pieces: [1000, 60_000, bytes.count - 61_000], HTTPLimits())
        guard case .request(let request) = outcomes.first else {
            Issue.record("refused")
            return
        }
        #expect(request.body == [UInt8](repeating: 7, count: limit))
    }

    @Test("what is cut off stays incomplete")
    func truncated() {
        let text = post("Content-Length: 5\r\n", "hello")
        for length in 0..<text.utf8.count {
            let outcomes = HTTPFeeding.outcomes(Array(text.utf8.prefix(length)), splits: 1)
            #expect(outcomes == [.incomplete(isMidRequest: length > 0)])
        }
    }

    @Test("bytes that are no text pass unchanged")
    func binaryBody() {
        let body = Array(0...255) + Array("\r\n\r\nGET / HTTP/1.1\r\n".utf8)
        let bytes = Array(post("Content-Length: \(body.count)\r\n", "").utf8) + body
        guard case .request(let request) = HTTPFeeding.outcomes(bytes).first else {
            Issue.record("refused")
            return
        }
        #expect(request.body == body)
    }
}
