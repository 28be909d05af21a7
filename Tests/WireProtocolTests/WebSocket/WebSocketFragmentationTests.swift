import Testing

@testable import WireProtocol

@Suite("RFC 6455 §5.4 fragmentation, and the limit of a message")
struct WebSocketFragmentationTests {
    private func ping(_ payload: [UInt8] = []) -> WebSocketFrame { WebSocketFrame(opcode: 9, payload: payload) }

    @Test("two, three and empty fragments", arguments: WebSocketFeeding.roles)
    func fragments(role: WebSocketRole) {
        #expect(
            WebSocketFeeding.outcomes(
                of: .text("ab", isFinal: false), .continuation("cd", isFinal: true), role: role)
                == [.text("abcd"), .end])
        #expect(
            WebSocketFeeding.outcomes(
                of: .text("", isFinal: false), .continuation("", isFinal: false), .continuation("", isFinal: true),
                .text("next"), role: role) == [.text(""), .text("next"), .end])
        #expect(
            WebSocketFeeding.outcomes(
                of: WebSocketFrame(opcode: 2, payload: [0xFF], isFinal: false),
                .continuation([], isFinal: false), .continuation([0xFE, 0x00], isFinal: true), role: role)
                == [.binary([0xFF, 0xFE, 0x00]), .end])
        #expect(
            WebSocketFeeding.outcomes(of: .text("a", isFinal: false), .continuation("b", isFinal: false), role: role)
                == [.waiting])
    }

    @Test("control frames between fragments come at once, and the message is whole", arguments: WebSocketFeeding.roles)
    func interleaved(role: WebSocketRole) {
        #expect(
            WebSocketFeeding.outcomes(
                of: .text("a", isFinal: false), ping([1]), WebSocketFrame(opcode: 10, payload: [2]),
                .continuation("b", isFinal: false), ping(), .continuation("c", isFinal: true), ping([3]), role: role)
                == [.ping([1]), .pong([2]), .ping([]), .text("abc"), .ping([3]), .end])
    }

    @Test("a control payload in pieces does not mix with the message or with the one before")
    func controlPayloads() {
        let long = [UInt8](repeating: 0x55, count: 125)
        #expect(
            WebSocketFeeding.outcomes(
                of: .text("é", isFinal: false), ping(long), ping([1, 2]), .continuation("è", isFinal: true))
                == [.ping(long), .ping([1, 2]), .text("éè"), .end])
    }

    @Test("a close inside a fragmented message is a close")
    func closeInside() {
        #expect(
            WebSocketFeeding.outcomes(of: .text("a", isFinal: false), .close(1001)) == [.close(1001), .waiting])
    }

    @Test("a continuation without a beginning", arguments: [true, false])
    func continuationFirst(isFinal: Bool) {
        for role in WebSocketFeeding.roles {
            #expect(
                WebSocketFeeding.outcomes(of: .continuation("a", isFinal: isFinal), role: role) == [.violation(1002)])
            #expect(
                WebSocketFeeding.outcomes(of: .text("x"), .continuation("a", isFinal: isFinal), role: role)
                    == [.text("x"), .violation(1002)])
            // Also behind a fragmented message that is over, and behind a control frame.
            #expect(
                WebSocketFeeding.outcomes(
                    of: .text("x", isFinal: false), .continuation("y", isFinal: true), ping(),
                    .continuation("a", isFinal: isFinal), role: role) == [.text("xy"), .ping([]), .violation(1002)])
        }
    }

    @Test("a new message inside a fragmented one", arguments: [UInt8(1), 2], [true, false])
    func messageInside(opcode: UInt8, isFinal: Bool) {
        #expect(
            WebSocketFeeding.outcomes(
                of: .text("a", isFinal: false), WebSocketFrame(opcode: opcode, payload: [0x62], isFinal: isFinal))
                == [.violation(1002)])
    }

    // MARK: The limit

    @Test("n bytes pass and n + 1 do not, in one frame", arguments: [0, 1, 125, 126, 300, 65535, 65536])
    func limit(count: Int) {
        for role in WebSocketFeeding.roles {
            for opcode: UInt8 in [1, 2] {
                let payload = [UInt8](repeating: 0x61, count: count + 1)
                let fits = WebSocketFrame(opcode: opcode, payload: Array(payload.dropLast())).bytes(for: role)
                let fitting = WebSocketFeeding.outcomes(fits, role, limit: count, bytewise: count < 1000)
                #expect(fitting.count == 2 && fitting[1] == .end)
                let larger = WebSocketFrame(opcode: opcode, payload: payload).bytes(for: role)
                #expect(
                    WebSocketFeeding.outcomes(larger, role, limit: count, bytewise: count < 1000)
                        == [.violation(1009)])
                // The head alone is enough.
                let head = Array(larger.prefix(larger.count - payload.count))
                #expect(WebSocketFeeding.outcomes(head, role, limit: count) == [.violation(1009)])
                #expect(WebSocketFeeding.outcomes(head.dropLast(), role, limit: count) == [.waiting])
            }
        }
    }

    @Test("n bytes pass and n + 1 do not, over fragments")
    func limitOverFragments() {
        let frames: [WebSocketFrame] = [.text("abcde", isFinal: false), .continuation("fgh", isFinal: false)]
        let begun = frames.flatMap { $0.bytes(for: .server) }
        let fits = begun + WebSocketFrame.continuation("ij", isFinal: true).bytes(for: .server)
        #expect(WebSocketFeeding.outcomes(fits, limit: 10) == [.text("abcdefghij"), .end])
        #expect(WebSocketFeeding.outcomes(fits, limit: 9) == [.violation(1009)])
        let announced = begun + WebSocketFrame(opcode: 0, announced: 3).bytes(for: .server)
        #expect(WebSocketFeeding.outcomes(announced, limit: 10) == [.violation(1009)])
        #expect(WebSocketFeeding.outcomes(announced, limit: 11) == [.waiting])
        // Fragments without bytes never reach it, and control frames do not count.
        let empty = WebSocketFrame.continuation("", isFinal: false).bytes(for: .server)
        let control = WebSocketFrame(opcode: 9, payload: [UInt8](repeating: 1, count: 125)).bytes(for: .server)
        let last = WebSocketFrame.continuation("ij", isFinal: true).bytes(for: .server)
        #expect(
            WebSocketFeeding.outcomes(begun + empty + control + empty + last, limit: 10)
                == [.ping([UInt8](repeating: 1, count: 125)), .text("abcdefghij"), .end])
    }

    @Test("the next message has the whole limit again")
    func limitAgain() {
        let frames: [WebSocketFrame] = [
            .text("abc", isFinal: false), .continuation("de", isFinal: true), .text("fghij"),
            .text("kl", isFinal: false), .continuation("mno", isFinal: true),
        ]
        #expect(
            WebSocketFeeding.outcomes(frames.flatMap { $0.bytes(for: .server) }, limit: 5)
                == [.text("abcde"), .text("fghij"), .text("klmno"), .end])
    }
}
