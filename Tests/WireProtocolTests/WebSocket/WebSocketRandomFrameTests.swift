import TestSupport
import Testing

@testable import WireProtocol

/// 100,000 frames: 60,000 valid ones against a model, 40,000 mutated ones.
@Suite("RFC 6455 random frames")
struct WebSocketRandomFrameTests {
    /// A stream of valid frames and what a decoder has to say of it.
    private struct Stream {
        var bytes: [UInt8] = []
        var expected: [WebSocketOutcome] = []
        var frameCount = 0
        private let role: WebSocketRole

        init(frames: Int, for role: WebSocketRole, _ random: inout SplitMix64) {
            self.role = role
            while frameCount < frames {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    control(&random)
                } else {
                    message(&random)
                }
            }
        }

        private mutating func add(_ frame: WebSocketFrame, _ random: inout SplitMix64) {
            var frame = frame
            frame.mask = (0..<4).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            bytes += frame.bytes(for: role)
            frameCount += 1
        }

        private mutating func control(_ random: inout SplitMix64) {
            let count = [0, 1, 30, 125].randomElement(using: &random) ?? 0
            let payload = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let isPing = Bool.random(using: &random)
            add(WebSocketFrame(opcode: isPing ? 9 : 10, payload: payload), &random)
            expected.append(isPing ? .ping(payload) : .pong(payload))
        }

        private mutating func message(_ random: inout SplitMix64) {
            let isText = Bool.random(using: &random)
            let payload = isText ? Stream.text(&random) : Stream.binary(&random)
            var rest = payload[...]
            var isFirst = true
            let fragments = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 2...5, using: &random) : 1
            for number in 1...fragments {
                let isLast = number == fragments
                let piece = isLast ? rest : rest.prefix(Int.random(in: 0...rest.count, using: &random))
                rest = rest.dropFirst(piece.count)
                let opcode: UInt8 = isFirst ? (isText ? 1 : 2) : 0
                add(WebSocketFrame(opcode: opcode, payload: Array(piece), isFinal: isLast), &random)
                isFirst = false
                if !isLast, Bool.random(using: &random) { control(&random) }
            }
            expected.append(isText ? .text(payload) : .binary(payload))
        }

        private static func length(_ random: inout SplitMix64) -> Int {
            switch Int.random(in: 0..<1000, using: &random) {
            case 0: Int.random(in: 65530...65545, using: &random)
            case 1..<100: Int.random(in: 120...600, using: &random)
            default: Int.random(in: 0...40, using: &random)
            }
        }

        private static func binary(_ random: inout SplitMix64) -> [UInt8] {
            [UInt8](repeating: UInt8.random(in: .min ... .max, using: &random), count: length(&random))
        }

        private static func text(_ random: inout SplitMix64) -> [UInt8] {
            let wanted = length(&random)
            if wanted > 1000 { return [UInt8](repeating: 0x61, count: wanted) }
            var bytes: [UInt8] = []
            while bytes.count < wanted {
                bytes += Array((["a", "é", "€", "😀"].randomElement(using: &random) ?? "a").utf8)
            }
            return bytes
        }
    }

    @Test("valid frames: the events of the model, whole and split", arguments: [UInt64(7), .random(in: .min ... .max)])
    func valid(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var frames = 0
        while frames < 30_000 {
            let role = WebSocketFeeding.roles.randomElement(using: &random) ?? .server
            let stream = Stream(frames: 30, for: role, &random)
            frames += stream.frameCount
            let outcomes = WebSocketFeeding.outcomes(
                stream.bytes, role, seed: random.next(), splits: 2, bytewise: frames % 10 == 0)
            #expect(outcomes == stream.expected + [.end], "seed \(seed)")
        }
    }

    @Test(
        "mutated frames: the same events for all splits, and no end of them is missed",
        arguments: [UInt64(8), .random(in: .min ... .max)])
    func mutated(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var frames = 0
        var violations: [UInt16: Int] = [:]
        var intact = 0
        while frames < 20_000 {
            let role = WebSocketFeeding.roles.randomElement(using: &random) ?? .server
            let stream = Stream(frames: 4, for: role, &random)
            frames += stream.frameCount
            var bytes = stream.bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                // Heads are where most can go wrong, and a frame's head is near the front.
                let reach = Bool.random(using: &random) ? min(16, bytes.count) : bytes.count
                let position = Int.random(in: 0..<reach, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[position] = [0x00, 0x7E, 0x7F, 0x80, 0xFE, 0xFF].randomElement(using: &random) ?? 0
                case 2: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
                case 3: bytes.remove(at: position)
                case 4: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: position)
                default: bytes.removeSubrange(position...)
                }
            }
            let limit = [100, 1 << 16].randomElement(using: &random) ?? 100
            let outcomes = WebSocketFeeding.outcomes(
                bytes, role, limit: limit, seed: random.next(), splits: 2, bytewise: frames % 10 == 0)
            for outcome in outcomes {
                if case .text(let text) = outcome {
                    #expect(text.count <= limit && String(validating: text, as: UTF8.self) != nil, "seed \(seed)")
                }
                if case .binary(let payload) = outcome { #expect(payload.count <= limit, "seed \(seed)") }
            }
            if case .violation(let code) = outcomes.last { violations[code, default: 0] += 1 } else { intact += 1 }
        }
        #expect(Set(violations.keys) == [1002, 1007, 1009], "seed \(seed): \(violations)")
        #expect(intact > 300, "seed \(seed): \(intact)")
    }

    @Test("random bytes: the same events for all splits")
    func noise() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<5_000 {
            var bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            // A first byte that is a frame's, or nearly nothing would come to the second.
            bytes[0] = [0x81, 0x82, 0x01, 0x89, 0x88].randomElement(using: &random) ?? 0x81
            for role in WebSocketFeeding.roles {
                #expect(!WebSocketFeeding.outcomes(bytes, role, seed: seed, splits: 1).isEmpty)
            }
        }
    }
}
