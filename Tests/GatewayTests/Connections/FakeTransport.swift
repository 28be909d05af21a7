import WireProtocol

@testable import Gateway

/// A connection without a socket, for one HTTP phase: keeps what is sent, and plays the clock.
final class FakeTransport: HTTPTransport {
    /// How a connection ended.
    enum End: Equatable { case inOrder, afterFlush, closed, reset }
    /// The phase that came after HTTP.
    enum Next: Equatable { case chat, echo, events }

    var now = 0
    var queuedBytes = 0
    var unacknowledgedBytes = 0
    var isBlocked = false
    var isDraining = false
    /// Gives the replies to requests.
    var router: (HTTPCall) -> Reply = { .now(.json(200, Array("\($0.request.target)".utf8))) }

    /// The answers that heads of requests get; nil: the body is read.
    var refusal: (HTTPCall) -> HTTPResponse? = { _ in nil }
    var place = SocketPlace.within

    private(set) var calls: [HTTPCall] = []
    /// The addresses of requests that are answered later, in their order.
    private(set) var responders: [Responder] = []
    private(set) var timer: Int?
    private(set) var end: End?
    private(set) var next: Next?
    /// Input that waits for an answer; nil: none has to.
    private(set) var waiting: [UInt8]?
    /// Targets under which answers were to be kept.
    private(set) var keptTargets: [String?] = []
    private var sent: [UInt8] = []
    private let phase: HTTPPhase

    init() {
        phase = HTTPPhase(peer: .unspecified, at: 0)
        phase.began(on: self)
    }

    // MARK: For tests

    /// Takes what was sent since the last call.
    func takeSent() -> String {
        defer { sent = [] }
        return String(decoding: sent, as: UTF8.self)
    }

    func feed(_ text: String) { feed(Array(text.utf8)[...]) }

    func feed(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty, end != .inOrder, end != .closed {
            if waiting != nil || next != nil {
                waiting = (waiting ?? []) + rest
                return
            }
            let consumed = rest.withUnsafeBytes { phase.received($0, on: self) }
            rest = rest.dropFirst(consumed)
        }
    }

    /// Lets time pass, and the timer fire when it is due.
    func wait(until time: Int) {
        while let due = timer, due <= time, end != .closed, end != .inOrder, end != .reset {
            now = due
            timer = nil
            phase.timerFired(on: self)
        }
        now = time
    }

    /// An answer comes from elsewhere.
    func answer(_ response: HTTPResponse, to responder: Responder) {
        phase.answered(response, to: responder.request, on: self)
    }

    func beginDraining() {
        isDraining = true
        phase.drainBegan(on: self)
    }

    /// Answers later, when the test says so.
    func answerLater() {
        router = { [unowned self] _ in .later { self.responders.append($0) } }
    }

    // MARK: PhaseTransport

    func sendBytes(_ bytes: [UInt8]) { sent += bytes }
    func schedule(at time: Int) { timer = time }
    func endAfterFlush() { end = .afterFlush }
    func endInOrder() { end = .inOrder }
    func close() { end = .closed }
    func reset() { end = .reset }

    // MARK: HTTPTransport

    func responder(for request: UInt32) -> Responder { Responder(worker: 0, socketKey: 5, request: request) }
    func beginWait() { waiting = [] }
    func endWait() {
        let input = waiting ?? []
        waiting = nil
        feed(input[...])
    }
    func admit(_ call: inout HTTPCall) -> HTTPResponse? {
        call.place = place
        return refusal(call)
    }
    func reply(to call: HTTPCall) -> Reply {
        calls.append(call)
        return router(call)
    }
    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse {
        keptTargets.append(completion.keptTarget)
        return response.adding(completion.crossOriginHeaders)
    }
    func begin(_ upgrade: Upgrade) { next = .chat }
    func beginEcho(_ handshake: WebSocketUpgrade) { next = .echo }
    func begin(_ stream: EventStreamRequest) { next = .events }
}
