import Testing
import WireProtocol

@testable import Gateway

/// A connection without a socket, for its closing phase: keeps what it was asked, in order.
private final class FakeClosing: ClosingTransport {
    var now = 1000
    var unacknowledgedBytes = 0
    private(set) var timer: Int?
    private(set) var asked: [String] = []
    private(set) var sent: [[UInt8]] = []
    /// Runs when the phase ends the wait: input that was kept back.
    var keptInput: (FakeClosing) -> Void = { _ in }

    func send(_ buffer: FrameBuffer) {
        sent.append(Array(FrameSlice(buffer: buffer, offset: 0, length: buffer.count).bytes))
        asked.append("send")
    }
    func schedule(at time: Int) { timer = time }
    func endWait() { keptInput(self) }
    func resumeReading() { asked.append("read") }
    func endAfterFlush() { asked.append("end") }
    func closeAfterFlush() { asked.append("close") }
    func reset() { asked.append("reset") }
}

@Suite("The closing phase of a connection, without a socket")
struct ClosingPhaseTests {
    private let transport = FakeClosing()
    private let closing = ClosingPhase()

    @Test("The close frame is sent, the peer's answer awaited, and then the connection closes")
    func handshake() {
        closing.began(CloseReason(.overCapacity, "full", retryMilliseconds: 5), on: transport)
        #expect(transport.asked == ["send", "read"] && transport.timer == 3000)
        let text = #"{"reason":"full","retry_ms":5}"#
        #expect(transport.sent == [[0x88, UInt8(2 + text.utf8.count), 0x10, 0x04] + Array(text.utf8)])
        #expect(closing.readsFrames && !closing.outlivesPeerEnd)
        closing.peerClosed(on: transport)
        #expect(transport.asked == ["send", "read", "close"] && !closing.readsFrames && closing.outlivesPeerEnd)
    }

    @Test("The peer's close frame may be in the input that was kept back")
    func keptInput() {
        transport.keptInput = { [closing] in closing.peerClosed(on: $0) }
        closing.began(.replaced, on: transport)
        #expect(transport.asked == ["send", "close", "read"] && !closing.readsFrames && transport.timer == 3000)
    }

    @Test("A peer that does not answer is reset in the end; one that was not reading has longer")
    func timeout() {
        closing.began(.tooSlow(retryMilliseconds: 1), on: transport)
        #expect(transport.timer == 31_000)
        closing.timerFired(on: transport)
        #expect(transport.asked.last == "reset")
    }

    @Test("The peer's own close frame is answered with its code, or without one")
    func byPeer() {
        for (code, expected) in [(CloseCode.normal, [0x88, 2, 0x03, 0xE8] as [UInt8]), (nil, [0x88, 0])] {
            let (transport, closing) = (FakeClosing(), ClosingPhase())
            closing.beganByPeer(code, on: transport)
            #expect(transport.sent == [expected] && transport.asked == ["send", "close"] && transport.timer == 3000)
            #expect(!closing.readsFrames && closing.outlivesPeerEnd)
        }
    }

    @Test("Of a peer that broke the protocol nothing is read any more")
    func violation() {
        closing.began(CloseReason(violation: .protocolError), on: transport)
        #expect(transport.sent == [[0x88, 2, 0x03, 0xEA]] && transport.asked == ["send", "end", "read"])
        #expect(!closing.readsFrames && closing.outlivesPeerEnd)
    }

    @Test("Behind the last answer of HTTP our side ends, and the peer has two seconds to end its own")
    func answer() {
        closing.beganBehindAnswer(on: transport)
        #expect(transport.sent.isEmpty && transport.asked == ["end"] && transport.timer == 3000)
        #expect(!closing.readsFrames && closing.outlivesPeerEnd)
    }

    @Test("A peer that takes the last answer slowly gets all of it; one that takes nothing for 30 seconds does not")
    func slowAnswer() {
        transport.unacknowledgedBytes = 50
        closing.beganBehindAnswer(on: transport)
        for _ in 0..<50 {
            transport.now += 2000
            transport.unacknowledgedBytes -= 1
            closing.timerFired(on: transport)
            #expect(transport.timer == transport.now + 2000)
        }
        transport.now += 2000
        closing.timerFired(on: transport)
        #expect(transport.asked == ["end", "reset"])

        let (stuck, other) = (FakeClosing(), ClosingPhase())
        stuck.unacknowledgedBytes = 9
        other.beganBehindAnswer(on: stuck)
        for _ in 0..<15 {
            stuck.now += 2000
            other.timerFired(on: stuck)
        }
        #expect(stuck.asked == ["end"])
        stuck.now += 2000
        other.timerFired(on: stuck)
        #expect(stuck.asked == ["end", "reset"])
    }

    @Test("Each reason has its code and its word; who is removed or replaced leaves at once")
    func reasons() {
        let reasons: [(CloseReason, CloseCode, String, Bool)] = [
            (.badFrames, .policyViolation, "bad_frames", false),
            (.noSignOfLife, .noSignOfLife, "no_sign_of_life", false),
            (.flooding(retryMilliseconds: 1), .flooding, "flooding", false),
            (.tooSlow(retryMilliseconds: 1), .slowReader, "too_slow", false),
            (.replaced, .replaced, "replaced", true),
            (.removed("room_deleted"), .removed, "room_deleted", true),
            (.refused(.userLimit, retryMilliseconds: 1), .tooManyConnections, "user_limit", false),
            (.refused(.addressLimit, retryMilliseconds: 1), .tooManyConnections, "address_limit", false),
            (.refused(.nodeFull, retryMilliseconds: 1), .overCapacity, "node_full", false),
            (.shed(retryMilliseconds: 1), .tryAgainLater, "shed", false),
            (.roomFull(retryMilliseconds: 1), .overCapacity, "room_full", false),
            (.drain(retryMilliseconds: 1), .serviceRestart, "drain", false),
        ]
        let withoutRetry = ["bad_frames", "no_sign_of_life", "replaced", "room_deleted", "user_limit", "address_limit"]
        for (reason, code, word, leavesAtOnce) in reasons {
            let retry = withoutRetry.contains(word) ? "" : #","retry_ms":1"#
            #expect(reason.code == code && reason.text == #"{"reason":"\#(word)"\#(retry)}"#)
            #expect(reason.leavesAtOnce == leavesAtOnce)
        }
    }
}
