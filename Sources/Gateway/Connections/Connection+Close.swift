import NetworkIO
import WireProtocol

// The ends of a connection: the switches to its closing phase.
extension Connection: ClosingTransport {
    /// How long a close frame waits for answers, milliseconds: a second, with the grain of the loop's timer.
    private static let answersMilliseconds = 1_000 - EventLoop.tickMilliseconds

    /// Sends a close frame, behind the answers to what was taken, and waits a little for the peer's. Nothing more is
    /// taken from now on.
    func close(_ reason: CloseReason) {
        if reason.isViolation, case .closing(let closing) = phase { return closing.failed(on: self) }
        guard isWebSocketOpen else { return }
        if reason.waitsForAnswers, unansweredCount > 0 {
            // The first reason stands.
            guard closeReason == nil else { return }
            closeReason = reason.withoutAnswers
            keepBack(for: .close)
            return loop.schedule(self, at: loop.now + Self.answersMilliseconds)
        }
        closeReason = nil
        core.context.incidents.closed(
            Int(reason.code.rawValue), reason.text, source, user: info?.user ?? phase.opening?.user, at: loop.now)
        leaveEverything(atOnce: reason.leavesAtOnce)
        beginClosing().began(reason, on: self)
    }

    /// The peer's close frame came: it is answered, or it is the answer.
    func peerClosed(_ code: CloseCode?) {
        if case .closing(let closing) = phase { return closing.peerClosed(on: self) }
        core.logger.debug(
            "connection closed by its client",
            metadata: [
                "code": "\(code.map { String($0.rawValue) } ?? "none")", "address": "\(rare.client ?? .own)",
                "user": "\(info?.user.text ?? "")",
            ])
        leaveEverything(atOnce: false)
        beginClosing().beganByPeer(code, on: self)
    }

    func endInOrder() {
        table.eventStreamEnded(on: self)
        wait = nil
        beginClosing().beganBehindAnswer(on: self)
    }

    private func beginClosing() -> ClosingPhase {
        let closing = ClosingPhase()
        // No output follows that input would have to wait for.
        wait?.reasons = .answer
        phase = .closing(closing)
        return closing
    }
}
