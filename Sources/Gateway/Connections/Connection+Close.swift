import Foundations
import NetworkIO
import WireProtocol

// The ends of a WebSocket connection (RFC 6455 §7).
extension Connection {
    /// How long the peer has to answer our close frame, and to take what was queued before it.
    private static let closeMilliseconds = 2_000
    /// The same for a peer that was not reading: it may come back to what is left and find the reason.
    private static let slowCloseMilliseconds = 30_000

    /// Sends a close frame and waits a little for the peer's.
    func close(_ code: CloseCode, reason: CloseReason? = nil, within milliseconds: Int = closeMilliseconds) {
        switch phase {
        case .opening, .chat, .echo: break
        case .http, .events, .closing, .discarding, .finished: return
        }
        leaveEverything()
        send(FrameEncoder.closeFrame(code, reason: reason?.text ?? ""))
        phase = .closing
        endWait()
        resumeReading()
        loop.schedule(self, at: loop.now + milliseconds)
    }

    /// The peer broke the protocol: it gets the code, and nothing of it is read any more.
    func fail(_ code: CloseCode) {
        close(code)
        phase = .discarding
        endAfterFlush()
    }

    /// The peer's close frame came: it is answered, or it is the answer.
    func peerClosed(_ code: CloseCode?) {
        if case .closing = phase {
            phase = .finished
            return closeAfterFlush()
        }
        leaveEverything()
        send(FrameEncoder.closeFrame(code))
        phase = .finished
        closeAfterFlush()
        loop.schedule(self, at: loop.now + Self.closeMilliseconds)
    }

    /// A reader that lets its queue grow over the limit: what is queued is dropped, so that the close comes next.
    func closeAsTooSlow() {
        guard isChatting else { return }
        core.counters.slowReadersClosed.add(1)
        leaveEverything()
        dropQueuedFrames()
        close(
            .slowReader, reason: CloseReason("too_slow", retryMilliseconds: core.context.retryMilliseconds()),
            within: Self.slowCloseMilliseconds)
    }

    func closeAsReplaced() {
        leavesAtOnce = true
        close(.replaced, reason: CloseReason("replaced"))
    }

    func closeAsRemoved(_ reason: StaticString) {
        leavesAtOnce = true
        close(.removed, reason: CloseReason(reason))
    }

    func closeForDrain() {
        switch phase {
        case .http(let http): http.drainBegan(on: self)
        case .events(let events): events.drainBegan(on: self)
        default:
            close(
                .serviceRestart,
                reason: CloseReason("drain", retryMilliseconds: core.context.retryMilliseconds()))
        }
    }

    /// Leaves the rooms, the user and the counts; once.
    func leaveEverything() {
        if isCounted {
            isCounted = false
            core.context.connectionCount.wrappingSubtract(1, ordering: .relaxed)
            core.counters.connections.add(-1)
        }
        if let counted = countedAddress {
            countedAddress = nil
            core.send(.address(counted, .release), to: core.context.home(of: counted))
        }
        guard let info else { return }
        self.info = nil
        let atOnce = leavesAtOnce
        func leave(_ room: Identifier) {
            core.send(atOnce ? RoomRequest.leave(info, isAsked: false) : .lost(info), of: room)
        }
        if let joining = wait?.joining { leave(joining) }
        for membership in furtherRooms {
            table.delivery.remove(from: membership.members, at: Int(membership.index))
            leave(membership.members.room)
        }
        furtherRooms = []
        if let members = urlMembers, urlIndex >= 0 {
            table.delivery.remove(from: members, at: Int(urlIndex))
            leave(members.room)
        }
        urlMembers = nil
        urlIndex = -1
        core.send(UserRequest.detach(info, atOnce: atOnce), of: info.user)
    }
}
