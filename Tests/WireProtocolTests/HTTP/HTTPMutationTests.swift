import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 9112 mutated requests")
struct HTTPMutationTests {
    private static let samples: [[UInt8]] = [
        ["GET / HTTP/1.1", "Host: localhost:8000", "User-Agent: x/1.0", "Accept: */*", "", ""],
        [
            "GET /ws/room-1/user%20one?token=abc.def&device=a+b&since=7&epoch=e1 HTTP/1.1", "Host: [::1]:8000",
            "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: sluice.v1, other",
            "Sec-WebSocket-Extensions: permessage-deflate", "Origin: http://localhost", "", "",
        ],
        [
            "POST /api/rooms HTTP/1.1", "Host: a", "Content-Type: application/json", "Content-Length: 13", "",
            "{\"id\":\"room\"}",
        ],
        [
            "POST /api/x HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Expect: 100-continue", "",
            "5;e=1", "hello", "10", "0123456789abcdef", "0", "T: 1", "", "",
        ],
        ["GET http://example.org:80/%C3%A9/?q=%F0%9F%98%80 HTTP/1.1", "Host: b", "Cookie: a=b; c=d", "", ""],
        ["OPTIONS * HTTP/1.1", "Host: a", "Connection: close", "", ""],
        ["HEAD /health HTTP/1.0", "Connection: Keep-Alive", "", ""],
        [
            "", "PUT /api/system/tier HTTP/1.1", "host: a", "content-length: 2, 2", "", "{}GET /next HTTP/1.1",
            "Host: a", "", "",
        ],
        ["DELETE /api/rooms/a HTTP/1.1", "Host: a", "Content-Length: 0", "X-Api-Key: k", "", ""],
    ].map { Array($0.joined(separator: "\r\n").utf8) }

    /// Bytes that mean something to a parser stand in more often than chance would have them.
    private static let syntaxBytes = Array("\r\n \t:;,%/?#&=+*0159aAfF[]\"".utf8) + [0x00, 0x7F, 0x80, 0xC3, 0xFF]

    private func mutated(_ random: inout SplitMix64) -> [UInt8] {
        var bytes = HTTPMutationTests.samples.randomElement(using: &random) ?? []
        if Int.random(in: 0..<4, using: &random) == 0 {
            bytes += HTTPMutationTests.samples.randomElement(using: &random) ?? []
        }
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let position = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, position + Int.random(in: 1...12, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[position] = HTTPMutationTests.syntaxBytes.randomElement(using: &random) ?? 0
            case 2: bytes.insert(HTTPMutationTests.syntaxBytes.randomElement(using: &random) ?? 0, at: position)
            case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: position)
            case 4: bytes.removeSubrange(position..<end)
            case 5: bytes.insert(contentsOf: bytes[position..<end], at: position)
            default: bytes.removeSubrange(position...)
            }
        }
        return bytes
    }

    @Test(
        "10,000 mutated requests: the same outcome whole and split; what passes holds to the rules",
        arguments: [
            UInt64(1), UInt64.random(in: .min ... .max),
        ])
    func mutations(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let limits = HTTPLimits(headBytesMax: 600, targetBytesMax: 120, bodyBytesMax: 64, headerCountMax: 12)
        var passed = 0
        var refused = 0
        for round in 0..<5_000 {
            let bytes = mutated(&random)
            let outcomes = HTTPFeeding.outcomes(bytes, limits, seed: random.next(), splits: 2)
            for outcome in outcomes {
                switch outcome {
                case .request(let request):
                    passed += 1
                    #expect(breach(request, limits) == nil, "seed \(seed), round \(round): \(request)")
                case .failed(let failure):
                    refused += 1
                    #expect([400, 413, 414, 417, 431, 505].contains(failure.status))
                case .incomplete:
                    break
                }
            }
        }
        #expect(passed > 500 && refused > 500, "the mutations are neither all good nor all bad: \(passed), \(refused)")
    }

    /// A rule that an accepted request breaks, read anew from its lines with other means than the parser's.
    private func breach(_ request: HTTPRequestDigest, _ limits: HTTPLimits) -> String? {
        let fields = request.lines.map { line -> (name: String, value: String) in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (parts[0].lowercased(), parts.count > 1 ? String(parts[1]) : "")
        }
        let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
        if !fields.allSatisfy({ !$0.name.isEmpty && $0.name.allSatisfy(tokens.contains) }) { return "name" }
        if fields.contains(where: {
            $0.value.unicodeScalars.contains { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7F }
        }) {
            return "control"
        }
        let values = { (name: String) in fields.filter { $0.name == name }.map(\.value) }
        if values("host").count > 1 || values("host").isEmpty && request.minorVersion == 1 { return "host" }
        let codings = values("transfer-encoding")
        let lengths = Set(
            values("content-length").flatMap { $0.split(separator: ",") }.map {
                Int($0.filter { $0 != " " && $0 != "\t" })
            })
        if lengths.count > 1 || !lengths.isEmpty && !codings.isEmpty { return "framing" }
        if let length = lengths.first, length != request.body.count { return "length" }
        if lengths.isEmpty && codings.isEmpty && !request.body.isEmpty { return "body" }
        if !codings.isEmpty && codings.map({ $0.lowercased() }) != ["chunked"] { return "coding" }
        if request.body.count > limits.bodyBytesMax || request.lines.count > limits.headerCountMax { return "limits" }
        if request.target.utf8.count > limits.targetBytesMax { return "target" }
        if request.target.contains("#") || request.target.contains(" ") || request.target.isEmpty { return "target" }
        if request.method.name.contains(where: \.isLowercase) { return "method" }
        return nil
    }

    @Test("random bytes never pass for a request")
    func noise() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 1...200, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            for outcome in HTTPFeeding.outcomes(bytes, seed: seed, splits: 1) {
                if case .request(let request) = outcome { Issue.record("seed \(seed): \(request)") }
            }
        }
    }

    @Test("mutated responses: the same outcome whole and split")
    func responses() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let sample = Array(
            ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                + "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nrest").utf8)
        for _ in 0..<2_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[position] = HTTPMutationTests.syntaxBytes.randomElement(using: &random) ?? 0
                } else {
                    bytes.remove(at: position)
                }
            }
            let whole = HTTPResponseFeeding.run(bytes, pieces: [bytes.count])
            let single = HTTPResponseFeeding.run(bytes, pieces: Array(repeating: 1, count: bytes.count))
            let split = HTTPResponseFeeding.run(bytes, pieces: HTTPFeeding.pieces(of: bytes.count, &random))
            #expect(single == whole, "seed \(seed)")
            #expect(split == whole, "seed \(seed)")
        }
    }
}
