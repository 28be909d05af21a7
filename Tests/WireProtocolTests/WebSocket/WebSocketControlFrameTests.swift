import Testing

@testable import WireProtocol

@Suite("RFC 6455 §5.5 control frames and §7.4 status codes")
struct WebSocketControlFrameTests {
    @Test("§5.5 a payload of 125 bytes passes, of 126 not", arguments: [UInt8(8), 9, 10])
    func payloadLimit(opcode: UInt8) {
        var payload = [UInt8](repeating: 0x61, count: 125)
        payload.replaceSubrange(0..<2, with: [0x03, 0xE8])
        for role in WebSocketFeeding.roles {
            let outcomes = WebSocketFeeding.outcomes(
                of: WebSocketFrame(opcode: opcode, payload: payload), role: role, limit: 0)
            let expected: [UInt8: WebSocketOutcome] = [8: .close(1000), 9: .ping(payload), 10: .pong(payload)]
            #expect(outcomes == [expected[opcode], .end])
            for (count, form) in [(126, nil), (126, 2), (126, 8), (65536, nil), (5, 2), (5, 8)] as [(Int, Int?)] {
                let longer = WebSocketFrame(
                    opcode: opcode, payload: [UInt8](repeating: 0x61, count: count), lengthBytes: form)
                let bytes = longer.bytes(for: role)
                #expect(WebSocketFeeding.outcomes(bytes, role, bytewise: count < 1000) == [.violation(1002)])
                // The second byte alone shows it.
                #expect(WebSocketFeeding.outcomes(Array(bytes.prefix(2)), role) == [.violation(1002)])
            }
        }
    }

    @Test("§5.5 control frames are not fragmented", arguments: [UInt8(8), 9, 10])
    func fragmented(opcode: UInt8) {
        for role in WebSocketFeeding.roles {
            let frame = WebSocketFrame(opcode: opcode, payload: [3, 0xE8], isFinal: false)
            #expect(WebSocketFeeding.outcomes(of: frame, role: role) == [.violation(1002)])
            #expect(WebSocketFeeding.outcomes([opcode], role) == [.violation(1002)])
        }
    }

    @Test("§5.5.1 a close without a code, and with one byte of it")
    func shortClose() {
        for role in WebSocketFeeding.roles {
            #expect(WebSocketFeeding.outcomes(of: WebSocketFrame(opcode: 8), role: role) == [.close(nil), .end])
            #expect(
                WebSocketFeeding.outcomes(of: WebSocketFrame(opcode: 8, payload: [3]), role: role)
                    == [.violation(1002)])
        }
    }

    @Test("§5.5.1 reasons: UTF-8 of up to 123 bytes")
    func reasons() {
        for reason in [
            "", "bye", "{\"reason\":\"shed\",\"retry_ms\":4200}", "tschüß 😀", String(repeating: "é", count: 61),
        ] {
            #expect(WebSocketFeeding.outcomes(of: .close(1000, Array(reason.utf8))) == [.close(1000), .end])
        }
        #expect(
            WebSocketFeeding.outcomes(of: .close(1000, [UInt8](repeating: 0x61, count: 123)))
                == [.close(1000), .end])
        #expect(
            WebSocketFeeding.outcomes(of: .close(1000, [UInt8](repeating: 0x61, count: 124))) == [.violation(1002)])
        for reason: [UInt8] in [
            [0xFF], [0x61, 0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
        ] {
            #expect(WebSocketFeeding.outcomes(of: .close(1000, reason)) == [.violation(1007)], "\(reason)")
        }
        // A code that must not be sent weighs more than its reason.
        #expect(WebSocketFeeding.outcomes(of: .close(1005, [0xFF])) == [.violation(1002)])
    }

    @Test("§7.4 every one of the 65,536 codes")
    func codes() {
        // §7.4.1 defines 1000–1003 and 1007–1011, the registry adds 1012–1014; §7.4.2 leaves 3000–4999 to others.
        let allowed = Set(
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014] + Array(3000...4999))
        var wrong: [Int] = []
        for code in 0...65535 {
            if CloseCode(rawValue: UInt16(code)).mayBeReceived != allowed.contains(code) { wrong.append(code) }
        }
        #expect(wrong == [])
    }

    @Test(
        "§7.4 codes in close frames",
        arguments: [
            (0, false), (999, false), (1000, true), (1003, true), (1004, false), (1005, false), (1006, false),
            (1007, true), (1014, true), (1015, false), (1016, false), (2999, false), (3000, true), (3999, true),
            (4000, true), (4999, true), (5000, false), (65535, false),
        ] as [(UInt16, Bool)])
    func codesOnTheWire(code: UInt16, isAllowed: Bool) {
        for role in WebSocketFeeding.roles {
            let outcomes = WebSocketFeeding.outcomes(of: .close(code, Array("r".utf8)), role: role)
            #expect(outcomes == (isAllowed ? [.close(code), .end] : [.violation(1002)]))
        }
    }
}
