import WireProtocol

/// A connection as one of its phases sees it: a way to send, a timer, and the ends. A test has a fake one.
///
/// Thread: the loop's. There is one timer; a later `schedule` replaces an earlier one.
protocol PhaseTransport: AnyObject {
    /// Loop milliseconds.
    var now: Int { get }
    /// Bytes that wait for the kernel to take them.
    var queuedBytes: Int { get }
    /// Bytes that the peer's kernel has not acknowledged.
    var unacknowledgedBytes: Int { get }
    /// Whether the kernel refused bytes and has not made room since.
    var isBlocked: Bool { get }

    /// Queues bytes; they leave at the end of the turn.
    func sendBytes(_ bytes: [UInt8])
    /// Has the phase's `timerFired` called at that time (loop milliseconds).
    func schedule(at time: Int)
    /// Sends what is queued, then ends our side; the phase goes on.
    func endAfterFlush()
    /// Leaves the phase: sends what is queued, ends our side, throws input away, and resets the connection if the peer
    /// does not end its side soon.
    func endInOrder()
    /// Closes at once; what is queued is lost.
    func close()
    /// The same, and nothing lingers in the kernel.
    func reset()
}

/// A connection as its HTTP phase sees it: it also gives replies to requests, and begins other phases.
protocol HTTPTransport: PhaseTransport {
    /// Whether the node is on its way out: connections end with their present answer.
    var isDraining: Bool { get }

    /// The address of a request of this connection.
    func responder(for request: UInt32) -> Responder
    /// Keeps further input back until `endWait`: at most what the loop reads at once, as nothing more is read.
    func beginWait()
    /// Goes on with the input that was kept back, and reads on.
    func endWait()

    /// Decides what a request's head decides: nil, with what was found out in the call, or the answer.
    func admit(_ call: inout HTTPCall) -> HTTPResponse?
    /// Finds the reply to a whole request that was admitted.
    func reply(to call: HTTPCall) -> Reply
    /// Completes an answer that came later.
    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse

    // Other phases begin; the HTTP phase is over with each.
    func begin(_ upgrade: Upgrade)
    func beginEcho(_ handshake: WebSocketUpgrade)
    func begin(_ stream: EventStreamRequest)
}
