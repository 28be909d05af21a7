import TestSupport
import Testing

@testable import WireProtocol

@Suite("RFC 7692 §6 compressed messages on the wire", .serialized)
struct WebSocketCompressedFrameTests {
    /// "Hello", compressed (§7.2.3.1).
    static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    private func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> WebSocketFrame {
        WebSocketFrame(opcode: opcode, payload: payload, isFinal: isFinal, reserved: 0x40)
    }

    private func outcomes(of frames: WebSocketFrame..., limit: Int = 1 << 20) -> [WebSocketOutcome] {
        WebSocketFeeding.outcomes(frames.flatMap { $0.bytes(for: .server) }, limit: limit, isDeflateAgreed: true)
    }

    @Test("RSV1 on a message's first frame marks it", arguments: WebSocketFeeding.roles)
    func marked(role: WebSocketRole) {
        let bytes = frame(1, Self.hello).bytes(for: role) + frame(2, Self.hello).bytes(for: role)
        #expect(
            WebSocketFeeding.outcomes(bytes, role, isDeflateAgreed: true) == [
                .compressedText(Self.hello), .compressedBinary(Self.hello), .end,
            ])
    }

    @Test("§7.2.3.1 the example in one frame and in two")
    func examples() {
        let whole: [UInt8] = [0xC1, 0x07] + Self.hello
        #expect(
            WebSocketFeeding.outcomes(whole, .client, isDeflateAgreed: true) == [.compressedText(Self.hello), .end])
        let parts: [UInt8] = [0x41, 0x03] + Self.hello[..<3] + [0x80, 0x04] + Self.hello[3...]
        #expect(
            WebSocketFeeding.outcomes(parts, .client, isDeflateAgreed: true) == [.compressedText(Self.hello), .end])
    }

    @Test("Plain messages remain possible, and their UTF-8 is checked")
    func plain() {
        #expect(outcomes(of: .text("a"), frame(1, Self.hello)) == [.text("a"), .compressedText(Self.hello), .end])
        #expect(outcomes(of: WebSocketFrame(opcode: 1, payload: [0xFF])) == [.violation(1007)])
        #expect(
            outcomes(of: frame(1, Self.hello), .text("a", isFinal: false), .continuation([0xFF], isFinal: true))
                == [.compressedText(Self.hello), .violation(1007)])
    }

    @Test("Fragments belong to the message whose first frame was marked, control frames between them to nobody")
    func fragments() {
        #expect(
            outcomes(
                of: frame(2, Array(Self.hello[..<2]), isFinal: false), WebSocketFrame(opcode: 9, payload: [1]),
                .continuation([], isFinal: false), .continuation(Array(Self.hello[2...]), isFinal: true),
                .text("plain", isFinal: false), .continuation(" text", isFinal: true))
                == [.ping([1]), .compressedBinary(Self.hello), .text("plain text"), .end])
    }

    @Test("§6.1 RSV1 on a continuation or a control frame is a 1002", arguments: [0, 8, 9, 10] as [UInt8])
    func misplaced(opcode: UInt8) {
        #expect(outcomes(of: frame(opcode, [])) == [.violation(1002)])
        #expect(outcomes(of: frame(1, Self.hello, isFinal: false), frame(opcode, [])) == [.violation(1002)])
    }

    @Test("RSV2 and RSV3 stay violations, and so does RSV1 where nothing was agreed")
    func reserved() {
        for bits: UInt8 in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
            #expect(outcomes(of: WebSocketFrame(opcode: 1, payload: [0], reserved: bits)) == [.violation(1002)])
        }
        #expect(WebSocketFeeding.outcomes(of: frame(1, Self.hello)) == [.violation(1002)])
    }

    @Test("Its bytes on the wire are bounded, whole and in fragments: n and n + 1")
    func limit() {
        let most = WebSocketDecoder.compressedBytesMax(1000)
        #expect(most == 1000 + 125 + 15 + 64)
        let payload = [UInt8](repeating: 7, count: most)
        #expect(outcomes(of: frame(2, payload), limit: 1000) == [.compressedBinary(payload), .end])
        #expect(outcomes(of: frame(2, payload + [7]), limit: 1000) == [.violation(1009)])
        #expect(
            outcomes(of: frame(2, payload, isFinal: false), .continuation([], isFinal: true), limit: 1000)
                == [.compressedBinary(payload), .end])
        #expect(
            outcomes(of: frame(2, payload, isFinal: false), .continuation([7], isFinal: true), limit: 1000)
                == [.violation(1009)])
    }

    @Test("The encoder's compressed frames are the decoder's")
    func encoded() {
        var arena = FrameArena(capacityMin: 64, capacityMax: 256, isTransient: true)
        for (room, length) in [(7, 7), (125, 125), (126, 125), (300, 7), (65536, 65536), (65536, 65535), (70000, 100)] {
            var random = SplitMix64(seed: UInt64(length))
            let payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let target = arena.beginCompressed(lengthMax: room)
            #expect(target.count == room)
            target.copyBytes(from: payload)
            let slice = arena.endCompressed(.binary, target, length: length)
            #expect(slice.firstFrame.length == slice.length && slice.opcode == .binary)
            #expect(Array(slice.payload) == payload)
            #expect(
                WebSocketFeeding.outcomes(Array(slice.bytes), .client, bytewise: false, isDeflateAgreed: true)
                    == [.compressedBinary(payload), .end])
            #expect(FrameEncoder.endOfFrame(holding: 1, in: slice.bytes) == slice.length)
            #expect(
                FrameEncoder.maskedFrame(.binary, slice.payload, mask: 0x3D21_FA37, isCompressed: true)
                    == frame(2, payload).bytes(for: .server))
        }
    }
}
