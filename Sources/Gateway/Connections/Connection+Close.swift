import NetworkIO
import WireProtocol

// The ends of a connection: the switches to its closing phase.
extension Connection: ClosingTransport {
    /// Sends a close frame and waits a little for the peer's.
    func close(_ reason: CloseReason) {
        guard isWebSocketOpen else { return }
        core.context.incidents.closed(
            Int(reason.code.rawValue), reason.text, client ?? .own, user: info?.user, at: loop.now)
        leaveEverything(atOnce: reason.leavesAtOnce)
        beginClosing().began(reason, on: self)
    }

    /// The peer broke the protocol: it gets the code, and nothing of it is read any more.
    func fail(_ code: CloseCode) {
        close(CloseReason(violation: code))
        if case .closing(let closing) = phase { closing.failed(on: self) }
    }

    /// The peer's close frame came: it is answered, or it is the answer.
    func peerClosed(_ code: CloseCode?) {
        if case .closing(let closing) = phase { return closing.peerClosed(on: self) }
        core.logger.debug(
            "connection closed by its client",
            metadata: [
                "code": "\(code.map { String($0.rawValue) } ?? "none")", "address": "\(client ?? .own)",
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
