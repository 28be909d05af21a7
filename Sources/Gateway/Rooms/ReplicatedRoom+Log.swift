import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What the shared log says reaches the members here.
extension ReplicatedRoom: ReplicaObserver {
    var seenEntries: [SeenEntry] { home.room.bodies }

    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
        guard isNew else {
            // The store went before the members had their place.
            if !unplaced.isEmpty { isReady = false }
            return
        }
        home.room.replaceHistory(epoch: epoch, forkedAt: oldestBefore)
        toldSeq = oldestBefore
        if wasOpened {
            gapReason = .epochChanged
        } else {
            // What is read now is history; who comes meanwhile waits for it, and who is in gets what it missed.
            isReady = false
            wasOpened = true
        }
    }

    func caughtUp() {
        // The first arrivals wait for that, too: they are told their marks, and how many users there are.
        facts.read()
        users.presence?.read()
        tellGapIfQuiet()
        letIn()
    }

    /// Says that another history has begun, when nothing is to come by itself that would say so in its place.
    private func tellGapIfQuiet() {
        guard gapReason != nil, replica?.log.isQuiet == true else { return }
        tellGap(before: home.room.log.newestSeq + 1)
        toldSeq = home.room.log.newestSeq
    }

    func committed(_ body: [UInt8], seq: UInt64, own: Submission?, isSeen: Bool) {
        defer { if !arrivals.isEmpty { letIn() } }
        body.withUnsafeBytes { core.writer.message(in: home.room.historyHead, seq: seq, body: $0) }
        let frame = home.room.appendShared(core.writer.bytes, at: core.loop.unixNow)
        if let own, !own.isStored { core.counters.shed(.storage) }
        // What was there before anybody came is history.
        guard isReady else {
            toldSeq = seq
            if let own { ownIsHistory(own, seq, body) }
            return
        }
        if isSeen, own == nil {
            if gapReason == nil { gapReason = .epochChanged }
            tellGapIfQuiet()
            return
        }
        tellGap(before: seq)
        toldSeq = seq
        if let own {
            core.counters.committed.add(1)
            if case .connection(let info) = own.author { info.messageCommitted(at: own.time) }
        }
        if let own, own.isProvisional { return confirm(own, seq, frame) }
        // Who is in has seen it in the former history; only its author waits for its place.
        if !isSeen { home.openBatch().append(message: frame) }
        guard let own else { return }
        tell(own.author, own, placeOf(own, seq, body), length: isSeen ? 0 : frame.length)
    }

    /// A message of this node was in the history that is read at the first opening.
    private func ownIsHistory(_ own: Submission, _ seq: UInt64, _ body: [UInt8]) {
        placed[seq] = own
        guard !own.isProvisional else { return provisionalEnded(own) }
        // Its author gets the ack in its place of what is replayed.
        if case .connection(let author) = own.author, unplaced.contains(where: { $0.info === author }) { return }
        tell(own.author, own, placeOf(own, seq, body))
    }

    /// The place of a message that was committed with this body.
    func placeOf(_ own: Submission, _ seq: UInt64, _ body: [UInt8]) -> Place {
        let isFirst = own.body == body
        let time = isFirst ? own.time : body.withUnsafeBytes(MessageBody.time) ?? own.time
        return Place(
            position: Position(epoch: home.room.log.epoch, seq: seq), time: time, isRepetition: !isFirst)
    }

    private func provisionalEnded(_ own: Submission) {
        provisionals.ended()
        replication.outbox.removed(own)
    }

    /// What members saw without a place has one. Who came later gets the message itself.
    private func confirm(_ own: Submission, _ seq: UInt64, _ message: FrameSlice) {
        provisionalEnded(own)
        let confirm = confirmFrame(own, epoch: home.room.log.epoch, seq: seq)
        let batch = home.openBatch()
        batch.append(confirm)
        for late in provisionals.membersWithout(own) {
            batch.cut(for: late, length: confirm.length, replacement: message)
        }
        if case .connection(let author) = own.author, !home.room.isIn(author) {
            batch.cut(for: author, length: confirm.length, replacement: confirm)
        }
        provisionals.forgetMembersIfDone()
    }

    func confirmFrame(_ own: Submission, epoch: String, seq: UInt64) -> FrameSlice {
        own.rawID.withUnsafeBytes { id in
            core.writer.confirm(room: home.room.id, epoch: epoch, user: own.user, id: id, seq: seq)
        }
        return core.writtenFrame()
    }

    /// Says that what lies between the last entry that members were told of and `seq` does not come.
    private func tellGap(before seq: UInt64) {
        guard let reason = gapReason ?? (seq == toldSeq + 1 ? nil : .trimmed) else { return }
        gapReason = nil
        core.writer.gap(
            room: home.room.id, epoch: home.room.log.epoch, nextSeq: seq, reason: reason.rawValue)
        home.openBatch().append(core.writtenFrame())
    }

    func skipped(to seq: UInt64) {
        home.room.replaceHistory(epoch: home.room.log.epoch, forkedAt: seq)
        if gapReason == nil { gapReason = .trimmed }
    }

    func passedUnstored(upTo seq: UInt64) {
        home.room.passUnstored(upTo: seq)
        if isReady {
            if gapReason == nil { gapReason = .notStored }
            tellGap(before: seq + 1)
        }
        toldSeq = seq
    }

    func held(like body: [UInt8]) -> ReplicaLog.Held? { home.room.held(like: body) }

    func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
        if case .connection(let info) = submission.author, let number = waiting.number {
            provisionals.repeated(info, number)
        }
        tell(submission.author, submission, Place(position: nil, time: waiting.time, isRepetition: true))
    }

    func provisional(_ submission: Submission) {
        submission.body.withUnsafeBytes { core.writer.provisionalMessage(in: home.room.id, body: $0) }
        let frame = core.writtenFrame()
        home.openBatch().append(message: frame)
        core.counters.provisional.add(1)
        replication.outbox.added(submission)
        provisionals.delivered()
        let place = Place(position: nil, time: submission.time)
        tell(submission.author, submission, place, length: frame.length)
    }

    func repeated(_ submission: Submission, first: Position, time: Int) {
        // One that was acked already, as kept here, is told no second time.
        guard !submission.isProvisional else {
            // It was committed elsewhere, and this node never saw where.
            provisionalEnded(submission)
            home.openBatch().append(confirmFrame(submission, epoch: first.epoch, seq: first.seq))
            return provisionals.forgetMembersIfDone()
        }
        tell(submission.author, submission, Place(position: first, time: time, isRepetition: true))
    }
}
