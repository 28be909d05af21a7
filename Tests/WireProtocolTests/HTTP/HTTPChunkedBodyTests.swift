import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 9112 §7.1 chunked transfer coding")
struct HTTPChunkedBodyTests {
    private func chunked(_ body: String) -> String {
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\(body)"
    }

    @Test(
        "chunks, extensions and trailers",
        arguments: [
            ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
            ("1\r\nh\r\n1\r\ni\r\n000\r\n\r\n", "hi"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"), ("5;a=\"b;\tc\";d\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5;\r\nhello\r\n0\r\n\r\n", "hello"), ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
            ("5\r\nhello\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", "hello"), ("0\r\nContent-Length: 77\r\nHost: b\r\n\r\n", ""),
            ("1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n", "0123456789012345678901234567890"),
        ])
    func decoded(body: String, expected: String) {
        let request = HTTPFeeding.request(chunked(body))
        #expect(request?.body == Array(expected.utf8))
        #expect(request?.lines.count == 2, "trailers are dropped")
    }

    @Test(
        "malformed framing",
        arguments: [
            "\r\n", "g\r\n", "-5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
            "5 ;a\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhello\n0\r\n\r\n", "5\rhello", "5\r\nhello0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\rX0\r\n\r\n",
            "5\r\nhell\r\n0\r\n\r\n", "5;a\nhello\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "5;\u{0}\r\nhello\r\n0\r\n\r\n", "5;\u{7F}\r\nhello\r\n0\r\n\r\n", ";a\r\n",
            "00000000000000005\r\nhello\r\n0\r\n\r\n", "00000000000000000\r\n\r\n", "5\u{E9}\r\nhello\r\n",
            "0\r\n \r\n", "0\r\nX\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\nX: y\r\n z\r\n\r\n",
            "0\r\nX: y\n\r\n", "0\r\nX: \u{0}\r\n\r\n", "0\r\n\n", "0\r\n\rX",
        ])
    func malformed(body: String) {
        #expect(HTTPFeeding.failure(chunked(body))?.status == 400)
    }

    @Test(
        "sizes that no limit allows",
        arguments: [
            "100001", "ffffffff", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "fffffffffffffffff",
            "0000000000100001",
        ])
    func hugeSize(size: String) {
        let failure = HTTPFeeding.failure(chunked("\(size)\r\n"))
        #expect(failure?.status == 413)
        #expect(HTTPFeeding.failure(chunked("1\r\nx\r\n\(size)\r\n"))?.status == 413)
    }

    @Test("extensions are bounded over the whole body, at n and n + 1")
    func extensionLimit() {
        let limits = HTTPLimits(headBytesMax: 200)
        let part = String(repeating: "e", count: 100)
        let most = "1;\(part)\r\nx\r\n1;\(part)\r\ny\r\n0\r\n\r\n"
        #expect(HTTPFeeding.request(chunked(most), limits)?.body == Array("xy".utf8))
        let over = "1;\(part)\r\nx\r\n1;\(part)\r\ny\r\n0;e\r\n\r\n"
        let failure = HTTPFeeding.failure(chunked(over), limits)
        #expect(failure?.status == 400)
        #expect(failure?.message.contains("200") == true)
    }

    @Test("trailers are bounded in bytes and in lines, at n and n + 1")
    func trailerLimits() {
        let limits = HTTPLimits(headBytesMax: 120, headerCountMax: 3)
        let filling = String(repeating: "v", count: 120 - 7)
        #expect(HTTPFeeding.request(chunked("0\r\nX: \(filling)\r\n\r\n"), limits) != nil)
        #expect(HTTPFeeding.failure(chunked("0\r\nX: \(filling)v\r\n\r\n"), limits)?.status == 431)
        #expect(HTTPFeeding.request(chunked("0\r\na:\r\nb:\r\nc:\r\n\r\n"), limits) != nil)
        #expect(HTTPFeeding.failure(chunked("0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n"), limits)?.status == 431)
    }

    @Test("a chunked request is followed by the next one")
    func pipelined() {
        let two = chunked("3\r\none\r\n0\r\nT: 1\r\n\r\n") + chunked("3\r\ntwo\r\n0\r\n\r\n")
        let outcomes = HTTPFeeding.outcomes(Array(two.utf8))
        let bodies = outcomes.compactMap { outcome -> [UInt8]? in
            if case .request(let request) = outcome { request.body } else { nil }
        }
        #expect(bodies == [Array("one".utf8), Array("two".utf8)])
        #expect(outcomes.last == .incomplete(isMidRequest: false))
    }

    @Test("random chunkings of random bodies decode to the body")
    func randomChunkings() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<60 {
            let body = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            var bytes = Array(chunked("").utf8)
            var rest = body[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...90, using: &random))
                rest = rest.dropFirst(piece.count)
                let size = String(piece.count, radix: 16, uppercase: Bool.random(using: &random))
                let padding = String(repeating: "0", count: Int.random(in: 0...3, using: &random))
                let note = Bool.random(using: &random) ? ";n=\(piece.count)" : ""
                bytes += Array("\(padding)\(size)\(note)\r\n".utf8) + piece + Array("\r\n".utf8)
            }
            bytes += Array("0\r\n\r\n".utf8)
            guard case .request(let request) = HTTPFeeding.outcomes(bytes, seed: seed, splits: 3).first else {
                Issue.record("refused, seed \(seed)")
                continue
            }
            #expect(request.body == body, "seed \(seed)")
        }
    }
}
