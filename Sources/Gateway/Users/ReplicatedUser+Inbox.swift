import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What the shared inbox says reaches the user's devices on this node.
extension ReplicatedUser: ReplicaObserver, PresenceObserver {
    var seenEntries: [SeenEntry] { inbox.bodies }

    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
        guard isNew else { return }
        let isUsed = inbox.log.newestSeq > 0
        inbox.replaceHistory(epoch: epoch, forkedAt: oldestBefore)
        if wasOpened {
            // In an inbox without an entry nothing was lost.
            if isUsed { gapReason = .epochChanged }
        } else {
            // What is read now is history; who comes meanwhile waits for it.
            isReady = false
            wasOpened = true
        }
    }

    func caughtUp() {
        presence?.read()
        let position = Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq)
        for cursor in inbox.acknowledged {
            tellCursor(Position(epoch: position.epoch, seq: cursor.seq), of: cursor.device)
        }
        tellGapIfQuiet()
        goOn()
    }

    /// Says that another history has begun, when nothing is to come by itself that would say so in its place.
    private func tellGapIfQuiet() {
        if replica?.log.isQuiet == true { tellGap(before: inbox.log.newestSeq + 1) }
    }

    func body(at seq: UInt64) -> [UInt8]? { inbox.body(at: seq) }

    func answered() {}

    func wentAway() { if isReady { goOn() } else { becameReady() } }

    func committed(_ arrival: ReplicaLog.Arrival) {
        defer { if !waiting.isEmpty { goOn() } }
        let (body, seq, own, isSeen) = (arrival.entry.body, arrival.entry.seq, arrival.own, arrival.isSeen)
        let position = Position(epoch: inbox.log.epoch, seq: seq)
        guard let direct = SharedDirect(body) else { return skippedUnreadable(seq) }
        body.withUnsafeBytes { bytes in
            core.writer.direct(at: position, body: DirectBody(bytes)?.frame ?? bytes)
        }
        let audience = direct.audience(of: user.id)
        let frame = inbox.appendShared(core.writer.bytes, audience: audience, at: direct.time)
        table.listForExpiry(inbox)
        for device in inbox.carryCursors(to: body, seq: seq) { tellCursor(position, of: device) }
        // What was there before anybody came is history.
        guard isReady else {
            if let own { placed.append((own, body, position)) }
            return
        }
        deliver(frame, to: audience, own, position, isSeen: isSeen)
        if let own { tell(own, body, position) } else { pushes.messageHeard(direct) }
    }

    /// What is not a message that this version can read keeps its place.
    private func skippedUnreadable(_ seq: UInt64) {
        inbox.replaceHistory(epoch: inbox.log.epoch, forkedAt: seq)
    }

    private func deliver(
        _ frame: FrameSlice, to audience: Audience, _ own: Submission?, _ position: Position, isSeen: Bool
    ) {
        let sawIt = own?.number.flatMap { seen.removeValue(forKey: $0) } ?? []
        if isSeen, own == nil {
            if gapReason == nil { gapReason = .epochChanged }
            tellGapIfQuiet()
            return
        }
        tellGap(before: position.seq)
        for info in user.live where audience.includes(device: info.device, type: info.deviceType) {
            if let own, sawIt.contains(ObjectIdentifier(info)) {
                confirm(own, position, to: info)
            } else if !isSeen {
                core.send(.frames([frame]), to: info)
            }
        }
    }

    /// A device that saw a message without a place is told the place.
    private func confirm(_ own: Submission, _ position: Position, to info: ConnectionInfo) {
        own.rawID.withUnsafeBytes { id in
            core.writer.confirm(room: nil, epoch: position.epoch, user: own.user, id: id, seq: position.seq)
        }
        core.answerWritten(info)
    }

    /// Says that what lies between the last entry that the devices were told of and `seq` does not come.
    private func tellGap(before seq: UInt64) {
        guard let reason = gapReason else { return }
        gapReason = nil
        for info in user.live {
            core.writer.gap(room: nil, epoch: inbox.log.epoch, nextSeq: seq, reason: reason.rawValue)
            core.answerWritten(info)
        }
    }

    func skipped(to seq: UInt64) {
        inbox.replaceHistory(epoch: inbox.log.epoch, forkedAt: seq)
        if isReady, gapReason == nil { gapReason = .trimmed }
    }

    /// Inboxes are stored whole, so what a log that says otherwise lacks was lost.
    func passedUnstored(upTo seq: UInt64) { skipped(to: seq) }

    // MARK: Authors

    /// Tells the author of a message that was committed now, or by somebody else before.
    private func tell(_ own: Submission, _ body: [UInt8], _ position: Position) {
        let isFirst = own.body == body
        if isFirst { core.counters.committed.add(1) }
        guard !own.isProvisional else { return replication.outbox.removed(own) }
        if isFirst { pushes.messageKept(body) }
        let time = isFirst ? own.time : body.withUnsafeBytes(MessageBody.time) ?? own.time
        tell(own, position, time: time, isRepetition: !isFirst)
    }

    private func tell(_ own: Submission, _ position: Position?, time: Int, isRepetition: Bool) {
        guard let receiver = SharedDirect(own.body)?.receiver else { return }
        own.rawID.withUnsafeBytes { id in
            core.writer.ack(
                .user(receiver), id: id, position: position, time: time, isDuplicate: isRepetition,
                durable: position == nil ? .local : .redis)
        }
        switch own.author {
        case .connection(let info):
            if !isRepetition { info.messageCommitted(at: time) }
            core.answerWritten(info)
        case .request(let number):
            let status = isRepetition ? 200 : position == nil ? 202 : 201
            table.publications.answer(number, .json(status, core.writer.array))
        case .nobody: break
        }
    }

    func held(like body: [UInt8]) -> ReplicaLog.Held? { inbox.held(like: body) }

    func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
        tell(submission, nil, time: waiting.time, isRepetition: true)
    }

    func provisional(_ submission: Submission) {
        replication.outbox.added(submission)
        if let direct = SharedDirect(submission.body), let number = submission.number {
            let audience = direct.audience(of: user.id)
            var sawIt: Set<ObjectIdentifier> = []
            for info in user.live where audience.includes(device: info.device, type: info.deviceType) {
                submission.body.withUnsafeBytes { bytes in
                    core.writer.provisionalDirect(body: DirectBody(bytes)?.frame ?? bytes)
                }
                core.answerWritten(info)
                sawIt.insert(ObjectIdentifier(info))
            }
            seen[number] = sawIt
        }
        pushes.messageKept(submission.body)
        tell(submission, nil, time: submission.time, isRepetition: false)
    }

    func repeated(_ submission: Submission, first: Position, time: Int) {
        if let number = submission.number { seen[number] = nil }
        // One that was acked already, as kept here, is told no second time.
        guard !submission.isProvisional else { return replication.outbox.removed(submission) }
        tell(submission, first, time: time, isRepetition: true)
    }

    // MARK: Presence

    func presenceTold(_ change: RoomPresence.Change) { presence?.told(change) }

    func presenceRead(_ entries: [RoomPresence.Change]?) {
        if let entries { presence?.wasRead(entries) }
        guard !isReady else { return }
        becameReady()
        let told = placed
        placed = []
        for (own, body, position) in told {
            if let number = own.number { seen[number] = nil }
            tell(own, body, position)
        }
    }
}

/// What an inbox has to know of a direct message that it keeps.
struct SharedDirect {
    let sender: Identifier
    let receiver: Identifier
    /// Unix milliseconds.
    let time: Int
    private let device: Identifier?
    private let deviceType: String?

    /// Reads it; nil when it is none.
    init?(_ body: [UInt8]) {
        guard let kept = KeptMessage(body), let receiver = kept.receiver,
            let direct = body.withUnsafeBytes({ bytes in DirectBody(bytes).map { ($0.device, $0.deviceType) } })
        else { return nil }
        sender = kept.user
        time = kept.time
        self.receiver = receiver
        (device, deviceType) = direct
    }

    /// Which of a user's devices it is for. The sender's own copy is for all other devices; a restriction by type means
    /// the receiver's.
    func audience(of user: Identifier) -> Audience {
        let isOwn = sender == user
        return Audience(
            deviceType: isOwn && receiver != user ? nil : deviceType, sender: isOwn ? device : nil, isOwnCopy: isOwn)
    }
}
