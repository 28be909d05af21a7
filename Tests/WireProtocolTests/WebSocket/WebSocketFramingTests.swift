import Testing

@testable import WireProtocol

@Suite("RFC 6455 §5.1 and §5.2 base framing")
struct WebSocketFramingTests {
    @Test("§5.1 a server takes masked frames alone, a client unmasked ones", arguments: WebSocketFeeding.roles)
    func maskingDirection(role: WebSocketRole) {
        for opcode: UInt8 in [1, 2, 8, 9, 10] {
            let frame = WebSocketFrame(opcode: opcode, payload: [])
            let right = WebSocketFeeding.outcomes(frame.bytes(for: role), role)
            #expect(right.count == 2 && right[0] != .violation(1002), "opcode \(opcode)")
            let wrong = frame.bytes(for: role, isMasked: role == .client)
            #expect(WebSocketFeeding.outcomes(wrong, role) == [.violation(1002)], "opcode \(opcode)")
            // The second byte alone shows it.
            #expect(WebSocketFeeding.outcomes(Array(wrong.prefix(2)), role) == [.violation(1002)])
        }
    }

    @Test("§5.7 examples")
    func examples() {
        let hello = WebSocketOutcome.text("Hello")
        #expect(
            WebSocketFeeding.outcomes([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .client) == [hello, .end])
        #expect(
            WebSocketFeeding.outcomes([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
                == [hello, .end])
        #expect(
            WebSocketFeeding.outcomes([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], .client)
                == [hello, .end])
        #expect(
            WebSocketFeeding.outcomes([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .client)
                == [.ping(Array("Hello".utf8)), .end])
        #expect(
            WebSocketFeeding.outcomes([0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
                == [.pong(Array("Hello".utf8)), .end])
        let large = [UInt8](repeating: 0xA5, count: 65536)
        #expect(
            WebSocketFeeding.outcomes([0x82, 0x7E, 0x01, 0x00] + large[..<256], .client) == [
                .binary(Array(large[..<256])), .end,
            ])
        #expect(
            WebSocketFeeding.outcomes([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + large, .client) == [.binary(large), .end])
    }

    @Test("§5.2 reserved bits, each and all of them, on every opcode", arguments: WebSocketFeeding.roles)
    func reservedBits(role: WebSocketRole) {
        for opcode: UInt8 in 0...15 {
            for reserved: UInt8 in [0x10, 0x20, 0x40, 0x30, 0x50, 0x60, 0x70] {
                let bytes = WebSocketFrame(opcode: opcode, payload: [0x61], reserved: reserved).bytes(for: role)
                #expect(WebSocketFeeding.outcomes(bytes, role) == [.violation(1002)])
                // The first byte alone shows it.
                #expect(WebSocketFeeding.outcomes([bytes[0]], role) == [.violation(1002)])
            }
        }
    }

    @Test("§5.2 opcodes: six are known", arguments: WebSocketFeeding.roles)
    func opcodes(role: WebSocketRole) {
        for opcode: UInt8 in 0...15 {
            let frame = WebSocketFrame(opcode: opcode, payload: [])
            let outcomes = WebSocketFeeding.outcomes(frame.bytes(for: role), role)
            switch opcode {
            case 1: #expect(outcomes == [.text([]), .end])
            case 2: #expect(outcomes == [.binary([]), .end])
            case 8: #expect(outcomes == [.close(nil), .end])
            case 9: #expect(outcomes == [.ping([]), .end])
            case 10: #expect(outcomes == [.pong([]), .end])
            default: #expect(outcomes == [.violation(1002)], "opcode \(opcode)")
            }
            if opcode > 2 && opcode < 8 || opcode > 10 {
                #expect(WebSocketFeeding.outcomes([0x80 | opcode], role) == [.violation(1002)])
                #expect(WebSocketFeeding.outcomes([opcode], role) == [.violation(1002)])
            }
        }
    }

    @Test(
        "§5.2 lengths around each form's limits",
        arguments: [0, 1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537])
    func lengths(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for role in WebSocketFeeding.roles {
            let bytes = WebSocketFrame(opcode: 2, payload: payload).bytes(for: role)
            #expect(WebSocketFeeding.outcomes(bytes, role) == [.binary(payload), .end])
            // One byte less is not a frame yet.
            #expect(WebSocketFeeding.outcomes(bytes.dropLast(), role) == [.waiting])
        }
    }

    @Test(
        "§5.2 a length that is not written in the fewest bytes",
        arguments: [(0, 2), (1, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)])
    func notMinimal(length: Int, lengthBytes: Int) {
        for role in WebSocketFeeding.roles {
            let payload = [UInt8](repeating: 0, count: length)
            let frame = WebSocketFrame(opcode: 2, payload: payload, lengthBytes: lengthBytes)
            let bytes = frame.bytes(for: role)
            #expect(WebSocketFeeding.outcomes(bytes, role) == [.violation(1002)])
            // Known as soon as the length is there, before the mask.
            #expect(WebSocketFeeding.outcomes(Array(bytes.prefix(2 + lengthBytes)), role) == [.violation(1002)])
            #expect(WebSocketFeeding.outcomes(Array(bytes.prefix(1 + lengthBytes)), role) == [.waiting])
        }
    }

    @Test("§5.2 the highest bit of a 64-bit length", arguments: [UInt64(1) << 63, UInt64.max, UInt64(1) << 63 | 70000])
    func highBit(length: UInt64) {
        for role in WebSocketFeeding.roles {
            let frame = WebSocketFrame(opcode: 2, announced: length, lengthBytes: 8)
            #expect(WebSocketFeeding.outcomes(frame.bytes(for: role), role, limit: .max) == [.violation(1002)])
        }
    }

    @Test("§5.2 a length that no memory holds is a violation of the limit, not a trap")
    func hugeLength() {
        for role in WebSocketFeeding.roles {
            for length in [UInt64(1) << 62, UInt64(Int64.max), UInt64(Int64.max) - 13] {
                let bytes = WebSocketFrame(opcode: 2, announced: length).bytes(for: role)
                #expect(WebSocketFeeding.outcomes(bytes, role) == [.violation(1009)])
                // Without a limit the bytes are waited for, and nothing is reserved for them.
                #expect(WebSocketFeeding.outcomes(bytes + [1, 2, 3], role, limit: .max) == [.waiting])
            }
        }
    }

    @Test("one of several frames at a time, in order")
    func severalFrames() {
        let outcomes = WebSocketFeeding.outcomes(
            of: .text("a"), WebSocketFrame(opcode: 9, payload: [7]), .text(""), .text("ü"), .close(1000))
        #expect(outcomes == [.text("a"), .ping([7]), .text(""), .text("ü"), .close(1000), .end])
    }

    @Test("no bytes are no event")
    func nothing() {
        #expect(WebSocketFeeding.outcomes([]) == [.end])
        #expect(WebSocketFeeding.run([], pieces: [0, 0, 0], .server, 10) == [.end])
    }
}
