import ClusterState
import Core
import Rooms
import WireProtocol

// What the shared inbox says reaches the user's devices on this node.
extension ReplicatedUser: ReplicaObserver, PresenceObserver {
    var seenEntries: [SeenEntry] { inbox.bodies }

    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
        let isLost = isNew && wasOpened
        if !wasOpened {
            // Whoever comes meanwhile waits for what is read now.
            isReady = false
            wasOpened = true
        }
        if isNew { inbox.replaceHistory(epoch: epoch, forkedAt: oldestBefore) }
        noteLineage()
        // Before the messages that are committed again: whoever gets these must be known to have had them.
        if isLost { cursors.writeAll() }
    }

    private func noteLineage() { if let replica { inbox.former.lineage = replica.log.lineage } }

    func caughtUp() {
        presence?.read()
        cursors.write()
        // Another history may have begun in which nothing follows.
        owner.leadReaders()
        goOn()
    }

    func answered() {
        noteLineage()
        owner.leadReaders()
        goOn()
    }

    func wentAway() { if isReady { goOn() } else { becameReady() } }

    func committed(_ arrival: ReplicaLog.PlacedEntry) {
        defer { goOn() }
        let (body, seq) = (arrival.entry.body, arrival.entry.seq)
        // A body that this version can't read keeps its place.
        guard let direct = SharedDirect(body) else { return lost(upTo: seq) }
        let position = Position(epoch: inbox.log.epoch, seq: seq)
        body.withUnsafeBytes { bytes in
            core.writer.direct(at: position, body: DirectBody(bytes)?.frame ?? bytes)
        }
        let cameAt = core.loop.now - replication.age(of: direct.time)
        _ = inbox.appendShared(core.writer.bytes, audience: direct.audience(of: user.id), at: cameAt)
        inbox.former.came(seq, was: arrival.was, oldestSeq: inbox.log.oldestSeq)
        table.listForExpiry(inbox)
        owner.leadReaders()
        if let own = arrival.own {
            notifyAuthor(own, body, position)
        } else if isReady {
            pushes.messageHeard(direct)
        }
    }

    func skipped(to seq: UInt64) {
        inbox.replaceHistory(epoch: inbox.log.epoch, forkedAt: seq)
        owner.leadReaders()
    }

    func lost(upTo seq: UInt64) {
        inbox.log.passUnstored(upTo: seq)
        owner.leadReaders()
    }

    // MARK: Authors

    /// Notifies the author of a message that was committed now, or by somebody else before.
    private func notifyAuthor(_ own: Submission, _ body: [UInt8], _ position: Position) {
        let isFirst = own.body == body
        if isFirst { core.counters.committed.add(1) }
        guard !own.isProvisional else { return replication.outbox.removed(own) }
        if isFirst { messageKept(body) }
        let time = isFirst ? own.time : body.withUnsafeBytes(MessageBody.time) ?? own.time
        notifyAuthor(own, position, time: time, isRepetition: !isFirst)
    }

    private func notifyAuthor(_ own: Submission, _ position: Position?, time: Int, isRepetition: Bool) {
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
        case .link, .nobody: break
        }
    }

    func held(like body: [UInt8]) -> ReplicaLog.Held? { inbox.held(like: body) }

    func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
        notifyAuthor(submission, nil, time: waiting.time, isRepetition: true)
    }

    func provisional(_ submission: Submission) {
        replication.outbox.added(submission)
        owner.deliverProvisional(submission)
        messageKept(submission.body)
        notifyAuthor(submission, nil, time: submission.time, isRepetition: false)
    }

    func repeated(_ submission: Submission, first: Position, time: Int) {
        // One that was acked already, as kept here, gets no second ack.
        guard submission.isProvisional else { return notifyAuthor(submission, first, time: time, isRepetition: true) }
        replication.outbox.removed(submission)
        owner.confirmRepetition(submission, at: first)
    }

    /// A message of this node was committed, or is kept until it can be.
    private func messageKept(_ body: [UInt8]) {
        guard let direct = SharedDirect(body), direct.sender != user.id else { return }
        if isReady { pushes.messageKept() } else { mayNeedPush = true }
    }

    // MARK: Presence

    func presenceHeard(_ change: RoomPresence.Change?) { presence?.heard(change) }

    func presenceRead() {
        if !isReady { becameReady() }
    }
}

/// The facts of a direct message that an inbox keeps.
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
