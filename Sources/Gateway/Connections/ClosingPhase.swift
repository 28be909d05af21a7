import WireProtocol

/// A connection as its closing phase sees it. A test has a fake one.
///
/// Thread: the loop's. There is one timer; a later `schedule` replaces an earlier one.
protocol ClosingTransport: AnyObject {
    /// Loop milliseconds.
    var now: Int { get }
    /// Bytes that the peer's kernel has not acknowledged.
    var unacknowledgedBytes: Int { get }

    /// Queues bytes; they leave at the end of the turn.
    func send(_ buffer: FrameBuffer)
    /// Has the phase's `timerFired` called at that time (loop milliseconds).
    func schedule(at time: Int)
    /// Hands over the input that was kept back, in this call, and reads on.
    func endWait()
    func resumeReading()
    /// Sends what is queued, then ends our side; the peer's side is read until it ends too.
    func endAfterFlush()
    /// Sends what is queued, then closes: for a peer that has nothing more to say.
    func closeAfterFlush()
    /// Closes at once; nothing lingers in the kernel.
    func reset()
}

/// The end of a connection: a WebSocket's with close frames (RFC 6455 §7), or that of HTTP behind a last answer.
/// Nothing but the close frame is sent any more.
///
/// Its connection, which has left its rooms, calls it with each event and with itself as `transport`; it keeps no
/// reference to it. Thread: the connection's.
final class ClosingPhase {
    /// The time that the peer has to answer our close frame, to take what was queued before it, and to end its side.
    static let milliseconds = 2_000
    /// The same for a peer that was not reading: it may come back to what is left and find the reason.
    static let slowMilliseconds = 30_000

    private enum State {
        /// The last answer of HTTP is taken by the peer.
        case answering(OutputProgress)
        /// It was taken; the peer has a little to end its side.
        case answered
        /// The close frame is queued; input is only searched for the peer's.
        case awaitingPeer
        /// The peer's bytes are thrown away until it ends its side.
        case discarding
        /// Both close frames were exchanged: the end comes when all is written.
        case finished
    }

    private var state = State.awaitingPeer

    /// Whether input is still searched for frames.
    var readsFrames: Bool { if case .awaitingPeer = state { true } else { false } }
    /// Whether bytes that are queued are still sent when the peer has ended its side.
    var outlivesPeerEnd: Bool { !readsFrames }

    // MARK: Beginnings

    /// The server closes. Input that was kept back may hold the peer's close frame.
    func began(_ reason: CloseReason, on transport: some ClosingTransport) {
        transport.send(FrameEncoder.closeFrame(reason.code, reason: reason.text))
        if reason.isViolation { failed(on: transport) }
        transport.endWait()
        transport.resumeReading()
        transport.schedule(at: transport.now + reason.milliseconds)
    }

    /// The peer closes: its close frame is answered.
    func beganByPeer(_ code: CloseCode?, on transport: some ClosingTransport) {
        transport.send(FrameEncoder.closeFrame(code))
        state = .finished
        transport.closeAfterFlush()
        transport.schedule(at: transport.now + Self.milliseconds)
    }

    /// The last answer was queued.
    func beganBehindAnswer(on transport: some ClosingTransport) {
        state = .answering(OutputProgress(at: transport.now))
        transport.endAfterFlush()
        transport.schedule(at: transport.now + Self.milliseconds)
    }

    // MARK: Events

    /// The peer broke the protocol: nothing of it is read any more.
    func failed(on transport: some ClosingTransport) {
        state = .discarding
        transport.endAfterFlush()
    }

    /// The peer's close frame came: the answer to ours.
    func peerClosed(on transport: some ClosingTransport) {
        state = .finished
        transport.closeAfterFlush()
    }

    func timerFired(on transport: some ClosingTransport) {
        guard case .answering(var progress) = state else { return transport.reset() }
        let left = transport.unacknowledgedBytes
        if progress.looked(unacknowledged: left, at: transport.now) == .standstill { return transport.reset() }
        // A peer that reads slowly gets the whole answer, and then has the usual time to end its side.
        state = left > 0 ? .answering(progress) : .answered
        transport.schedule(at: transport.now + Self.milliseconds)
    }
}
