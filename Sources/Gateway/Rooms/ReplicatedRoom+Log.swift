import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What the shared log says reaches the members here.
extension ReplicatedRoom: ReplicaObserver {
    var seenEntries: [SeenEntry] { home.room.bodies }

    func body(at seq: UInt64) -> [UInt8]? { home.room.body(at: seq) }

    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
        if wasOpened {
            // In another history members keep their positions of the former one until all that they saw is back: from
            // any other this node could not tell what they have seen.
            if isNew || !unplaced.isEmpty { freeze() }
        } else {
            // What is read now is history; who comes meanwhile waits for it, and who is in gets what it missed.
            isReady = false
            wasOpened = true
        }
        if let replica { former.lineage = replica.log.lineage }
        guard isNew else { return }
        home.room.replaceHistory(epoch: epoch, forkedAt: oldestBefore)
        former.removeAll()
    }

    func caughtUp() {
        // The first arrivals wait for that, too: they are told their marks, and how many users there are.
        facts.read()
        users.presence?.read()
        answered()
    }

    func answered() {
        if let replica { former.lineage = replica.log.lineage }
        placeMembers()
        letIn()
    }

    func committed(_ arrival: ReplicaLog.Arrival) {
        defer { if !arrivals.isEmpty { letIn() } }
        let (body, seq, own) = (arrival.entry.body, arrival.entry.seq, arrival.own)
        body.withUnsafeBytes { core.writer.message(in: home.room.historyHead, seq: seq, body: $0) }
        let frame = home.room.appendShared(core.writer.bytes, at: core.loop.unixNow)
        former.came(seq, was: arrival.was, oldestSeq: home.room.log.oldestSeq)
        if let own, !own.isStored { core.counters.shed(.storage) }
        // Members are led from where they stand, once all is here.
        guard isReady else {
            if let own { ownIsHistory(own, seq, body) }
            return
        }
        if arrival.isSeen, own == nil { return }
        tellGap(before: seq)
        told = Position(epoch: home.room.log.epoch, seq: seq)
        if let own {
            core.counters.committed.add(1)
            if case .connection(let info) = own.author { info.messageCommitted(at: own.time) }
        }
        if let own, own.isProvisional { return confirm(own, seq, frame) }
        // Who is in has seen it in the former history; only its author waits for its place.
        if !arrival.isSeen {
            home.openBatch().append(message: frame)
            if !arrival.was.isEmpty { leaveOut(seq, frame) }
        }
        guard let own else { return }
        tell(own.author, own, placeOf(own, seq, body), length: arrival.isSeen ? 0 : frame.length)
    }

    /// Members that came with a position of a former epoch, and had an entry there, get a gap in its place.
    private func leaveOut(_ seq: UInt64, _ frame: FrameSlice) {
        for member in resumed where former.wasSeen(seq, upTo: member.position) {
            core.writer.gap(
                room: home.room.id, epoch: told.epoch, nextSeq: seq + 1, reason: GapReason.trimmed.rawValue)
            home.openBatch().cut(for: member.info, length: frame.length, replacement: core.writtenFrame())
        }
    }

    /// A message of this node has its place, and members do not have theirs yet.
    private func ownIsHistory(_ own: Submission, _ seq: UInt64, _ body: [UInt8]) {
        unplaced.placed[seq] = own
        guard !own.isProvisional else { return provisionalEnded(own) }
        // Its author gets the ack in its place of what is replayed.
        if case .connection(let author) = own.author, unplaced.contains(author) { return }
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

    /// What members saw without a place has one. Who was not shown it on its present connection gets the message.
    private func confirm(_ own: Submission, _ seq: UInt64, _ message: FrameSlice) {
        let confirm = confirmFrame(own, epoch: home.room.log.epoch, seq: seq)
        let batch = home.openBatch()
        batch.append(confirm)
        for member in provisionals.membersWithout(own) {
            batch.cut(for: member, length: confirm.length, replacement: message)
        }
        provisionalEnded(own)
        if case .connection(let author) = own.author, !home.room.isIn(author) {
            batch.cut(for: author, length: confirm.length, replacement: confirm)
        }
    }

    func confirmFrame(_ own: Submission, epoch: String, seq: UInt64) -> FrameSlice {
        own.rawID.withUnsafeBytes { id in
            core.writer.confirm(room: home.room.id, epoch: epoch, user: own.user, id: id, seq: seq)
        }
        return core.writtenFrame()
    }

    /// Says now that something does not come: who comes in is told where the room stands.
    func tellGap() {
        let newest = home.room.log.newestSeq
        guard isReady, told != Position(epoch: home.room.log.epoch, seq: newest) else { return }
        tellGap(before: newest + 1)
        told = Position(epoch: home.room.log.epoch, seq: newest)
    }

    /// Says that what lies between the last entry that members were told of and `seq` does not come, if something does.
    private func tellGap(before seq: UInt64) {
        let epoch = home.room.log.epoch
        guard told.epoch != epoch || seq != told.seq + 1 || gapReason != nil else { return }
        let reason = told.epoch == epoch ? gapReason ?? .trimmed : .epochChanged
        gapReason = nil
        core.writer.gap(room: home.room.id, epoch: epoch, nextSeq: seq, reason: reason.rawValue)
        home.openBatch().append(core.writtenFrame())
    }

    func skipped(to seq: UInt64) {
        home.room.replaceHistory(epoch: home.room.log.epoch, forkedAt: seq)
        former.removeAll()
        if gapReason == nil { gapReason = .trimmed }
    }

    func passedUnstored(upTo seq: UInt64) {
        home.room.passUnstored(upTo: seq)
        guard isReady else { return }
        if gapReason == nil { gapReason = .notStored }
        tellGap(before: seq + 1)
        told = Position(epoch: home.room.log.epoch, seq: seq)
    }

    func held(like body: [UInt8]) -> ReplicaLog.Held? { home.room.held(like: body) }

    func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
        tell(submission.author, submission, Place(position: nil, time: waiting.time, isRepetition: true))
    }

    func provisional(_ submission: Submission) {
        let frame = provisionalFrame(submission)
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
            return home.openBatch().append(confirmFrame(submission, epoch: first.epoch, seq: first.seq))
        }
        tell(submission.author, submission, Place(position: first, time: time, isRepetition: true))
    }
}
