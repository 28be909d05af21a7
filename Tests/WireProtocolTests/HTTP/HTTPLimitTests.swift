import Testing

@testable import WireProtocol

@Suite("RFC 9110 §15.5.15, RFC 6585 §5: limits of a head, each at n and n + 1")
struct HTTPLimitTests {
    /// A head of exactly this many bytes.
    private func head(bytes: Int) -> String {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"
        return "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: bytes - frame.utf8.count))\r\n\r\n"
    }

    @Test("head bytes", arguments: [64, 128, 1000])
    func headBytes(limit: Int) {
        let limits = HTTPLimits(headBytesMax: limit)
        #expect(head(bytes: limit).utf8.count == limit)
        #expect(HTTPFeeding.request(head(bytes: limit), limits) != nil)
        let failure = HTTPFeeding.failure(head(bytes: limit + 1), limits)
        #expect(failure?.status == 431)
        #expect(failure?.code == "too_large")
        #expect(failure?.message.contains("\(limit)") == true)
        // What follows the head does not count.
        #expect(HTTPFeeding.outcomes(Array((head(bytes: limit) + head(bytes: limit)).utf8), limits).count == 3)
        // The head is refused at the byte that passes the limit, not when it ends.
        let endless = Array("GET / HTTP/1.1\r\nX: ".utf8) + [UInt8](repeating: 0x61, count: limit)
        #expect(HTTPFeeding.outcomes(Array(endless[..<limit]), limits) == [.incomplete(isMidRequest: true)])
        #expect(HTTPFeeding.failure(Array(endless[...limit]), limits)?.status == 431)
    }

    @Test("head bytes, the default of 16 KiB")
    func defaultHeadBytes() {
        #expect(HTTPLimits().headBytesMax == 16_384)
        #expect(HTTPFeeding.request(head(bytes: 16_384)) != nil)
        #expect(HTTPFeeding.failure(head(bytes: 16_385))?.status == 431)
    }

    @Test("the limit falls between any two bytes of a head")
    func everyHeadLimit() {
        let text = "GET /abc HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
        for limit in 1...text.utf8.count + 1 {
            let limits = HTTPLimits(headBytesMax: limit)
            if limit >= text.utf8.count {
                #expect(HTTPFeeding.request(text, limits) != nil)
            } else {
                #expect(HTTPFeeding.failure(text, limits)?.status == 431)
            }
        }
    }

    @Test("target bytes", arguments: [1, 10, 300])
    func targetBytes(limit: Int) {
        let limits = HTTPLimits(targetBytesMax: limit)
        func get(_ count: Int) -> String {
            "GET /\(String(repeating: "t", count: count - 1)) HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        #expect(HTTPFeeding.request(get(limit), limits)?.target.utf8.count == limit)
        let failure = HTTPFeeding.failure(get(limit + 1), limits)
        #expect(failure?.status == 414)
        #expect(failure?.code == "too_large")
        #expect(failure?.message.contains("\(limit)") == true)
    }

    @Test("target bytes, the default of 8 KiB; a target that fills the head is a 414 too")
    func defaultTargetBytes() {
        #expect(HTTPLimits().targetBytesMax == 8_192)
        let most = String(repeating: "t", count: 8_191)
        #expect(HTTPFeeding.request("GET /\(most) HTTP/1.1\r\nHost: a\r\n\r\n") != nil)
        #expect(HTTPFeeding.failure("GET /\(most)t HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 414)
        #expect(HTTPFeeding.failure("GET /\(most)\(most)\(most)")?.status == 414)
        #expect(HTTPFeeding.failure("\r\nGET /\(most)\(most)\(most)")?.status == 414)
        #expect(HTTPFeeding.failure("GET /a \(most)\(most)\(most)")?.status == 431)
        #expect(HTTPFeeding.failure("\(most)\(most)\(most)")?.status == 431)
    }

    @Test("field lines", arguments: [1, 2, 17, 100])
    func fieldLines(limit: Int) {
        let limits = HTTPLimits(headerCountMax: limit)
        func get(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: count - 1))\r\n"
        }
        #expect(HTTPFeeding.request(get(limit), limits)?.lines.count == limit)
        let failure = HTTPFeeding.failure(get(limit + 1), limits)
        #expect(failure?.status == 431)
        #expect(failure?.message.contains("\(limit)") == true)
    }

    @Test("an idle parser holds nothing")
    func idleSize() {
        #expect(HTTPLimits().headerCountMax == 100)
        #expect(MemoryLayout<HTTPRequestParser>.stride <= 640)
    }
}
