import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 6455 §8.1 and RFC 3629 UTF-8")
struct WebSocketUTF8Tests {
    /// Sequences after Markus Kuhn's decoder stress test, and where each is beyond rescue: the index of the first byte
    /// that no valid text can have there, or nil when the text is only cut short.
    static let broken: [(bytes: [UInt8], failsAt: Int?)] = [
        // 2.1.5, 2.1.6 and 2.2.4–2.2.6: five and six bytes, and beyond the last code point.
        ([0xF8, 0x88, 0x80, 0x80, 0x80], 0), ([0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], 0),
        ([0xF7, 0xBF, 0xBF, 0xBF], 0), ([0xFB, 0xBF, 0xBF, 0xBF, 0xBF], 0), ([0xF4, 0x90, 0x80, 0x80], 1),
        ([0xF5, 0x80, 0x80, 0x80], 0),
        // 3.1: continuation bytes that nothing announced.
        ([0x80], 0), ([0xBF], 0), ([0x80, 0xBF], 0), ([0x61, 0x80], 1), ([0xC3, 0xA9, 0xA9], 2),
        ([0xE2, 0x82, 0xAC, 0x80], 3), ([0xF0, 0x9F, 0x98, 0x80, 0x80], 4),
        // 3.2: first bytes that are followed by a space.
        ([0xC2, 0x20], 1), ([0xDF, 0x20], 1), ([0xE0, 0x20], 1), ([0xEF, 0x20], 1), ([0xF0, 0x20], 1),
        ([0xF4, 0x20], 1),
        // 3.3: sequences that lack their last byte, at the end and before another character.
        ([0xC2], nil), ([0xE0, 0xA0], nil), ([0xEF, 0xBF], nil), ([0xF0, 0x90, 0x80], nil), ([0xF4, 0x8F, 0xBF], nil),
        ([0xE0], nil), ([0xF0], nil), ([0xF0, 0x90], nil), ([0x61, 0xE2, 0x82], nil),
        ([0xE0, 0xA0, 0x61], 2), ([0xF0, 0x90, 0x80, 0x61], 3), ([0xE2, 0x82, 0xC3], 2),
        // 3.5: bytes that are never there.
        ([0xFE], 0), ([0xFF], 0), ([0x61, 0x62, 0xFF], 2),
        // 4: longer than need be.
        ([0xC0, 0xAF], 0), ([0xE0, 0x80, 0xAF], 1), ([0xF0, 0x80, 0x80, 0xAF], 1), ([0xC0, 0x80], 0),
        ([0xC1, 0xBF], 0), ([0xE0, 0x9F, 0xBF], 1), ([0xF0, 0x8F, 0xBF, 0xBF], 1),
        // 5: halves of surrogate pairs, alone and paired.
        ([0xED, 0xA0, 0x80], 1), ([0xED, 0xAD, 0xBF], 1), ([0xED, 0xBF, 0xBF], 1),
        ([0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80], 1),
        // RFC 6455 §8.1's neighbour in conformance suites.
        ([0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80], 12),
    ]

    static let valid: [[UInt8]] =
        [
            "", "a", "κόσμε", "\u{80}\u{7FF}\u{800}", "\u{10000}\u{10FFFD}", "\u{D7FF}\u{E000}\u{FFFD}",
            "\0", "\u{7F}", "😀é a", String(repeating: "0123456789abcdef", count: 5) + "é",
        ].map { Array($0.utf8) } + [
            // 2.2.3, 2.3.5 and 5.3: the last code points, which are no characters and valid all the same.
            [0xEF, 0xBF, 0xBF], [0xF4, 0x8F, 0xBF, 0xBF], [0xEF, 0xBF, 0xBE], [0xEF, 0xB7, 0x90],
        ]

    /// Fails at the first impossible byte: returns its index, `bytes.count` when the end cuts a character, else nil.
    private func failure(_ bytes: [UInt8], pieces: [Int]) -> Int? {
        var validator = UTF8Validator()
        var start = 0
        for length in pieces {
            let piece = Array(bytes[start..<start + length])
            if !piece.withUnsafeBytes({ validator.consume($0) }) { return start }
            start += length
        }
        return validator.isAtBoundary ? nil : bytes.count
    }

    @Test("each broken sequence fails at its first impossible byte", arguments: broken.indices)
    func brokenSequences(index: Int) {
        let (bytes, failsAt) = Self.broken[index]
        // Behind ASCII of every length the fast path meets it at every place.
        for lead in 0...40 {
            let text = [UInt8](repeating: 0x61, count: lead) + bytes
            let single = failure(text, pieces: Array(repeating: 1, count: text.count))
            #expect(single == (failsAt.map { $0 + lead } ?? text.count))
            #expect(!text.withUnsafeBytes(UTF8Validator.isValid))
            #expect(String(validating: text, as: UTF8.self) == nil)
        }
    }

    @Test("each valid sequence passes", arguments: valid)
    func validSequences(bytes: [UInt8]) {
        for lead in 0...40 {
            let text = [UInt8](repeating: 0x61, count: lead) + bytes
            #expect(failure(text, pieces: Array(repeating: 1, count: text.count)) == nil)
            #expect(text.withUnsafeBytes(UTF8Validator.isValid))
        }
    }

    @Test("every scalar value, and every 16-bit pattern of two bytes")
    func scalars() {
        var wrong = 0
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if !Array(String(scalar).utf8).withUnsafeBytes(UTF8Validator.isValid) { wrong += 1 }
        }
        for first in UInt8.min ... .max {
            for second in UInt8.min ... .max {
                let bytes = [first, second]
                if bytes.withUnsafeBytes(UTF8Validator.isValid) != (String(validating: bytes, as: UTF8.self) != nil) {
                    wrong += 1
                }
            }
        }
        #expect(wrong == 0)
    }

    @Test("random bytes: the same answer as the standard library's, whole and in pieces")
    func againstStandardLibrary() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        // Bytes near the borders of the table make many sequences that are nearly or wholly valid.
        let likely: [UInt8] = [
            0x00, 0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var valid = 0
        for _ in 0..<30_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.append(likely.randomElement(using: &random) ?? 0)
                case 1: bytes += Array(repeating: 0x62, count: Int.random(in: 0...70, using: &random))
                default:
                    let scalar = Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? "x"
                    bytes += Array(String(scalar).utf8)
                }
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            valid += expected ? 1 : 0
            #expect(bytes.withUnsafeBytes(UTF8Validator.isValid) == expected, "seed \(seed): \(bytes)")
            let pieces = HTTPFeeding.pieces(of: bytes.count, &random)
            #expect((failure(bytes, pieces: pieces) == nil) == expected, "seed \(seed): \(bytes), \(pieces)")
        }
        #expect(valid > 3_000 && valid < 27_000, "neither nearly all nor nearly none: \(valid)")
    }

    @Test("text messages: 1007 at the first impossible byte, whatever is still to come", arguments: broken.indices)
    func messages(index: Int) {
        let (bytes, failsAt) = Self.broken[index]
        for role in WebSocketFeeding.roles {
            #expect(
                WebSocketFeeding.outcomes(of: WebSocketFrame(opcode: 1, payload: bytes), role: role)
                    == [.violation(1007)])
            // A frame that announces more than has come.
            let open = WebSocketFrame(opcode: 1, payload: bytes, announced: 100, lengthBytes: 1)
            let cut = WebSocketFeeding.outcomes(open.bytes(for: role), role)
            #expect(cut == (failsAt == nil ? [.waiting] : [.violation(1007)]))
            if let failsAt {
                let before = open.bytes(for: role).dropLast(bytes.count - failsAt)
                #expect(WebSocketFeeding.outcomes(Array(before), role) == [.waiting], "not before byte \(failsAt)")
                let at = open.bytes(for: role).dropLast(bytes.count - failsAt - 1)
                #expect(WebSocketFeeding.outcomes(Array(at), role) == [.violation(1007)], "at byte \(failsAt)")
            }
            // The same bytes are fine as binary.
            #expect(
                WebSocketFeeding.outcomes(of: WebSocketFrame(opcode: 2, payload: bytes), role: role)
                    == [.binary(bytes), .end])
        }
    }

    @Test("characters may be cut by fragments, with control frames between", arguments: valid)
    func fragments(bytes: [UInt8]) {
        for cut in 0...bytes.count {
            let frames = [
                WebSocketFrame(opcode: 1, payload: Array(bytes[..<cut]), isFinal: false),
                WebSocketFrame(opcode: 9, payload: [0xFF]), .continuation(Array(bytes[cut...]), isFinal: true),
                .text("x"),
            ]
            #expect(
                WebSocketFeeding.outcomes(frames.flatMap { $0.bytes(for: .server) })
                    == [.ping([0xFF]), .text(bytes), .text("x"), .end])
        }
    }

    @Test("a fragmented text that ends inside a character")
    func endInside() {
        #expect(
            WebSocketFeeding.outcomes(
                of: WebSocketFrame(opcode: 1, payload: [0xE2], isFinal: false), .continuation([0x82], isFinal: true))
                == [.violation(1007)])
    }
}
