import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 6455 §5.2 frames that are written")
struct FrameEncoderTests {
    private static let lengths: [Int] = [0, 1, 125, 126, 127, 65535, 65536, 70000]

    private func payload(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } }

    private func bytes(_ buffer: FrameBuffer) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: buffer.base, count: buffer.count))
    }

    @Test("unmasked frames, byte for byte", arguments: lengths)
    func unmasked(count: Int) {
        let payload = payload(count)
        for opcode in [Opcode.text, .binary, .continuation] {
            let expected = WebSocketFrame(opcode: opcode.rawValue, payload: payload).bytes(for: .client)
            let frame = payload.withUnsafeBytes { FrameEncoder.frame(opcode, $0) }
            #expect(bytes(frame) == expected)
            #expect(FrameEncoder.headLength(payloadLength: count) == expected.count - count)
            let slice = FrameSlice(buffer: frame, offset: 0, length: frame.count)
            #expect(Array(slice.payload) == payload)
        }
    }

    @Test("masked frames, byte for byte, final and not", arguments: lengths)
    func masked(count: Int) {
        let payload = payload(count)
        let mask = [UInt8]([0x12, 0x00, 0xFE, 0x9A])
        let key = mask.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        for isFinal in [true, false] {
            let expected = WebSocketFrame(opcode: 1, payload: payload, isFinal: isFinal, mask: mask)
            let frame = payload.withUnsafeBytes {
                FrameEncoder.maskedFrame(.text, $0, mask: key, isFinal: isFinal)
            }
            #expect(frame == expected.bytes(for: .server))
        }
        #expect(payload == self.payload(count), "the payload that was given is left as it is")
    }

    @Test("close frames")
    func closes() {
        #expect(bytes(FrameEncoder.closeFrame(nil)) == [0x88, 0])
        #expect(bytes(FrameEncoder.closeFrame(nil, reason: "x")) == [0x88, 0], "no reason without a code")
        #expect(bytes(FrameEncoder.closeFrame(.normal)) == [0x88, 2, 0x03, 0xE8])
        #expect(bytes(FrameEncoder.closeFrame(.replaced, reason: "ab")) == [0x88, 4, 0x0F, 0xA5, 0x61, 0x62])
        let longest = String(repeating: "r", count: 123)
        let frame = bytes(FrameEncoder.closeFrame(.slowReader, reason: longest))
        #expect(frame.count == 127 && frame[1] == 125)
        #expect(WebSocketFeeding.outcomes(frame, .client) == [.close(4102), .end])
    }

    // MARK: Where a run of frames may be cut

    @Test("every byte of a run is cut at the end of its frame")
    func endOfFrame() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<40 {
            var run: [UInt8] = []
            var ends = [0]
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let count = [0, 1, 125, 126, 300].randomElement(using: &random) ?? 0
                run += WebSocketFrame(opcode: 2, payload: payload(count)).bytes(for: .client)
                ends.append(run.count)
            }
            for sent in 0...run.count {
                let end = run.withUnsafeBytes { FrameEncoder.endOfFrame(holding: sent, in: $0) }
                #expect(end == ends.first { $0 >= sent }, "seed \(seed), sent \(sent), ends \(ends)")
            }
        }
    }

    @Test("a frame over 64 KiB is kept whole; nothing sent keeps nothing")
    func endOfLongFrame() {
        let run = [66000, 2].flatMap { WebSocketFrame(opcode: 2, payload: payload($0)).bytes(for: .client) }
        for (sent, end) in [(0, 0), (1, 66010), (10, 66010), (66009, 66010), (66010, 66010), (66011, 66014)] {
            #expect(run.withUnsafeBytes { FrameEncoder.endOfFrame(holding: sent, in: $0) } == end)
        }
    }

    @Test("the answer to the handshake, which is no frame, is kept whole")
    func endOfHandshake() {
        let answer = Array("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".utf8)
        for sent in 1...answer.count {
            #expect(answer.withUnsafeBytes { FrameEncoder.endOfFrame(holding: sent, in: $0) } == answer.count)
        }
    }
}
