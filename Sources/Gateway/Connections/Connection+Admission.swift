import ControlPlane
import Foundations
import WireProtocol

// Whether a client's frames are admitted under the present load.
extension Connection {
    /// Whether a frame is taken; if not, its sender is told.
    @inline(__always)
    func admits(_ frame: ClientFrame) -> Bool {
        guard let priority = frame.body.priority else { return true }
        if !core.load.controller.admission.admits(priority) {
            shed(frame, priority)
            return false
        }
        return core.load.policy.tier == .normal || isAllowedByTier(frame)
    }

    private func isAllowedByTier(_ frame: ClientFrame) -> Bool {
        let policy = core.load.policy
        switch frame.body {
        case .typing where policy.typing == .off: refuseSuspended(frame, .typing, "typing is suspended")
        case .history where policy.readsMax == nil:
            refuseSuspended(frame, .history, "reading history is suspended; a position is still resumed from")
        case .users where policy.readsMax == nil: refuseSuspended(frame, .users, "reading users is suspended")
        case .message(let fields) where fields.content.count > core.load.limits.messageBytesMax:
            refuseTooLarge(frame)
        case .direct(_, let fields, _) where fields.content.count > core.load.limits.messageBytesMax:
            refuseTooLarge(frame)
        default: return true
        }
        return false
    }

    private func refuseSuspended(_ frame: ClientFrame, _ kind: ShedKind, _ message: StaticString) {
        core.counters.shed(kind)
        let retry = table.suspensionMilliseconds()
        refuse(frame, .featureSuspended, message, retryMilliseconds: retry)
    }

    private func refuseTooLarge(_ frame: ClientFrame) {
        core.counters.shed(.largeMessages)
        let most = core.load.limits.messageBytesMax
        sendError(
            .tooLarge, "the node takes messages of at most \(most) bytes at present", id: frame.id?.text,
            room: frame.room)
    }

    /// The inner controller does not take the frame.
    private func shed(_ frame: ClientFrame, _ priority: Admission.Priority) {
        core.counters.shed(priority.shedKind(of: frame.body))
        switch priority {
        case .typing, .readMarks: return
        case .reads, .joins, .messages, .directs: break
        }
        // The less is admitted, the longer everybody waits with the next try.
        let share = max(core.load.controller.admission.share(of: priority), 0.05)
        let usual = Int(250 / share)
        let retry = Int.random(in: usual / 2...usual * 3 / 2, using: &core.random)
        refuse(frame, .unavailable, "the node has more to do than it can", retryMilliseconds: retry)
    }

    /// How many entries a read may have that asked for `wanted`.
    func readLimit(_ wanted: Int, _ kind: ShedKind) -> Int { table.services.readLimit(wanted, kind) }

    /// Closes a connection right behind its upgrade.
    func refuseAsShed(_ opening: Opening, retryMilliseconds: Int) {
        phase = .opening(opening)
        close(.tryAgainLater, reason: CloseReason("shed", retryMilliseconds: retryMilliseconds))
    }

    private func refuse(
        _ frame: ClientFrame, _ code: ErrorCode, _ message: StaticString, retryMilliseconds: Int
    ) {
        core.writer.refusal(
            code, message, id: frame.id?.raw, room: frame.room, retryMilliseconds: retryMilliseconds)
        sendWritten()
    }
}

extension ClientFrame.Body {
    /// What is shed first under load, and what never: nil.
    @inline(__always)
    fileprivate var priority: Admission.Priority? {
        switch self {
        case .message: .messages
        case .direct: .directs
        case .typing: .typing
        case .read: .readMarks
        case .history, .users: .reads
        case .join(_, nil): .joins
        case .join, .leave, .inboxAck, .ping: nil
        }
    }
}

extension Admission.Priority {
    fileprivate func shedKind(of body: ClientFrame.Body) -> ShedKind {
        switch self {
        case .typing: .typing
        case .readMarks: .readMarks
        case .reads: if case .users = body { .users } else { .history }
        case .joins: .joins
        case .messages: .messages
        case .directs: .directs
        }
    }
}
