import NetworkIO
import WireProtocol

// The way of input into the phases: what is kept back, and when it goes on.
extension Connection {
    /// Takes input in whatever phase the connection is, until it has to wait; returns how many bytes it took.
    /// - Parameter start: since when it has its turn, on `Clock.monotonicNanoseconds()`; 0: that is somebody else's.
    func process(_ bytes: UnsafeMutableRawBufferPointer, since start: Int) -> Int {
        var taken = 0
        var share = WorkShare(startedAt: start)
        while isOpen, taken < bytes.count {
            if rare.isWaiting { return taken }
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[taken...])
            switch phase {
            case .http(let http):
                if mustWait(share) { return taken }
                taken += http.received(UnsafeRawBufferPointer(rest), on: self)
                share.took(isDear: true) { loop.look() }
            case .closing(let closing) where !closing.readsFrames: return bytes.count
            case .opening, .chat, .echo, .closing:
                if mustWait(share) { return taken }
                let frame = processFrame(rest)
                taken += frame.bytes
                share.took(isDear: frame.isInflated || frame.bytes >= WorkShare.dearBytes) { loop.look() }
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
        if queuedBytes > KeptInput.unsentBytesMax || isBlocked, keepBackForOutput() { return true }
        guard share.isSpent else { return false }
        wait = KeptInput(for: .turn, at: loop.now)
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
        // An address that holds much has nothing further taken before its output is out.
        let most = core.output.isHalfFull(rare.client?.address) ? 0 : KeptInput.unsentBytesMax
        guard queuedBytes > most else { return false }
        let kept = KeptInput(for: .output, at: loop.now)
        wait = kept
        pauseReading()
        if case .http = phase { return true }
        _ = kept.looked(unacknowledged: unacknowledgedBytes, at: loop.now)
        loop.schedule(self, at: loop.now + OutputProgress.lookMilliseconds)
        return true
    }

    // MARK: Waiting, and going on

    func beginWait() {
        if let wait { wait.reasons.insert(.answer) } else { wait = KeptInput(for: .answer, at: loop.now) }
    }

    /// Input waits for one more thing.
    func keepBack(for reason: KeptInput.Reasons) {
        if let wait { wait.reasons.insert(reason) } else { wait = KeptInput(for: reason, at: loop.now) }
        pauseReading()
    }

    /// Goes on with input after a wait for an answer, behind what an operator has ordered meanwhile.
    func endWait() { if !ChatPhase(on: self).beginOrder() { goOn(.answer) } }

    /// One of the things that input waits for has come. It goes on unless there is another.
    func goOn(_ reason: KeptInput.Reasons) {
        guard let ended = wait else { return }
        ended.reasons.remove(reason)
        guard ended.reasons.isEmpty else { return }
        wait = nil
        core.load.waitedMilliseconds = max(0, loop.now - ended.since)
        let taken = process(ended.bytes.mutableBytes, since: reason == .turn ? loop.inputNanoseconds : 0)
        core.load.waitedMilliseconds = 0
        if rare.hasLatePing { answerPing() }
        defer { core.input.holds(heldBytes, key, of: rare.client?.address) }
        guard let wait else { return resumeReading() }
        wait.goesOn(from: ended)
        ended.bytes.removeFirst(taken)
        swap(&wait.bytes, &ended.bytes)
    }
}
