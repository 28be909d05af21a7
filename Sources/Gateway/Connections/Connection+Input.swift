import NetworkIO
import WireProtocol

// The way of input into the phases: what is kept back, and when it goes on.
extension Connection {
    /// Takes input in whatever phase the connection is, until it has to wait; returns how many bytes it took.
    func process(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        var taken = 0
        var share = WorkShare()
        while isOpen, taken < bytes.count {
            if rare.isWaiting { return taken }
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[taken...])
            switch phase {
            case .http(let http):
                if mustWait(share) { return taken }
                taken += http.received(UnsafeRawBufferPointer(rest), on: self)
                share.took(isDear: true)
            case .closing(let closing) where !closing.readsFrames: return bytes.count
            case .opening, .chat, .echo, .closing:
                if mustWait(share) { return taken }
                taken += processFrame(rest)
                share.took(isDear: false)
            case .events, .ended: return bytes.count
            }
        }
        // The last message may have filled the queue.
        if isOpen, !rare.isWaiting { _ = mustWait(share) }
        return bytes.count
    }

    /// Whether further input waits: for output that is not out, or for the next turn.
    @inline(__always)
    private func mustWait(_ share: WorkShare) -> Bool {
        if queuedBytes > KeptInput.unsentBytesMax, keepBackForOutput() { return true }
        guard share.isSpent else { return false }
        wait = KeptInput(for: .turn)
        pauseReading()
        continueLater()
        return true
    }

    /// Hands the much that is queued to the kernel; keeps input back if that does not take it.
    private func keepBackForOutput() -> Bool {
        flushNow()
        switch phase {
        case .http, .opening, .chat, .echo: break
        case .events, .closing, .ended: return !isOpen
        }
        guard queuedBytes > KeptInput.unsentBytesMax else { return false }
        let kept = KeptInput(for: .output)
        wait = kept
        pauseReading()
        if case .http = phase { return true }
        _ = kept.looked(unacknowledged: unacknowledgedBytes, at: loop.now)
        loop.schedule(self, at: loop.now + OutputProgress.lookMilliseconds)
        return true
    }

    // MARK: Waiting, and going on

    func beginWait() { wait = KeptInput(for: .answer) }

    /// Input waits for one more thing.
    func keepBack(for reason: KeptInput.Reasons) {
        if let wait { wait.reasons.insert(reason) } else { wait = KeptInput(for: reason) }
        pauseReading()
    }

    /// Goes on with input after a wait for an answer.
    func endWait() { goOn(.answer) }

    /// One of the things that input waits for has come. It goes on unless there is another.
    func goOn(_ reason: KeptInput.Reasons) {
        guard let ended = wait else { return }
        ended.reasons.remove(reason)
        guard ended.reasons.isEmpty else { return }
        wait = nil
        let taken = process(ended.bytes.mutableBytes)
        if rare.hasLatePing { answerPing() }
        defer { core.input.holds(heldBytes, key, of: rare.client?.address) }
        guard let wait else { return resumeReading() }
        ended.bytes.removeFirst(taken)
        swap(&wait.bytes, &ended.bytes)
    }
}
