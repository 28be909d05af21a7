import Core
import Rooms
import WireProtocol

// The shared log's events reach the members here.
extension ReplicatedRoom: ReplicaObserver {
    var seenEntries: [SeenEntry] {
        home.room.bodies.map { SeenEntry(seq: $0.seq, body: $0.body, was: former.places(of: $0.seq)) }
    }

    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
        if wasOpened {
            // In another history members keep their positions of the former one until all that they saw is back: from
            // any other this node could not say what they have seen.
            if isReady, isNew || !unplaced.isEmpty { MemberPlacing(replicated: self).freeze() }
        } else {
            // What is read now is history; who comes meanwhile waits for it, and who is in gets what it missed.
            isReady = false
            wasOpened = true
        }
        if let replica { former.lineage = replica.log.lineage }
        guard isNew else { return }
        let log = home.room.log
        former.replaced(log.epoch, held: log.count > 0 ? log.oldestSeq...log.newestSeq : nil)
        home.room.replaceHistory(epoch: epoch, forkedAt: oldestBefore)
        forks.epochBegan()
    }

    func caughtUp() {
        // The first arrivals wait for that, too: they get their marks, and the number of users.
        facts.read()
        users.presence?.read()
        answered()
    }

    func answered() {
        if let replica { former.lineage = replica.log.lineage }
        placeMembers()
        gate.letIn()
        forks.advanced()
    }

    func committed(_ arrival: ReplicaLog.PlacedEntry) {
        defer { gate.letIn() }
        let (body, seq, own) = (arrival.entry.body, arrival.entry.seq, arrival.own)
        body.withUnsafeBytes { core.writer.message(in: home.room.historyHead, seq: seq, body: $0) }
        let frame = home.room.appendShared(core.writer.bytes, at: core.loop.now)
        if let own, let events = core.events {
            events.committed(own, as: arrival, in: home.id, by: core.ids.prefix, core.writer.bytes)
        }
        former.came(seq, was: arrival.was, held: arrival.held, oldestSeq: home.room.log.oldestSeq)
        if arrival.was.count > arrival.entry.was.count { forks.came(arrival) }
        if let own, !own.isStored { core.counters.shed(.storage) }
        // Members are led from where they stand, once all is here.
        guard isReady else {
            if let own { ownIsHistory(own, seq, body) }
            return
        }
        if arrival.isSeen, own == nil { return }
        announce(seq)
        if let own {
            core.counters.committed.add(1)
            if case .connection(let info) = own.author { info.messageCommitted(at: own.time) }
        }
        if let own, own.isProvisional { return confirm(own, seq, frame, isNew: arrival.was.isEmpty) }
        // Who is in has seen it in the former history; only its author waits for its place.
        if !arrival.isSeen {
            home.openBatch().append(message: frame)
            if !arrival.was.isEmpty { leaveOut(seq, frame, author: own?.author) }
        }
        guard let own else { return }
        replies.answer(own, replies.place(of: own, seq, body), length: arrival.isSeen ? 0 : frame.length)
    }

    /// Members that have seen an entry in a former epoch get a gap in its place; its author here gets the ack there.
    private func leaveOut(_ seq: UInt64, _ frame: FrameSlice, author: Submission.Author?) {
        for info in resumed.thatSaw(seq, former) {
            if case .connection(let own)? = author, own === info { continue }
            // Who still catches up is led there.
            if home.live.isReplaying(info) { continue }
            let gap = replies.gapFrame(before: seq + 1, .trimmed)
            home.openBatch().cut(for: info, length: frame.length, replacement: gap)
        }
    }

    /// A message of this node has its place, and members do not have theirs yet.
    private func ownIsHistory(_ own: Submission, _ seq: UInt64, _ body: [UInt8]) {
        unplaced.gotPlace(own, at: Position(epoch: home.room.log.epoch, seq: seq))
        // Who has seen it is forgotten when all have their places.
        guard !own.isProvisional else { return replication.outbox.removed(own) }
        // Its author gets the ack in its place of what is replayed.
        if case .connection(let author) = own.author, unplaced.contains(author) { return }
        replies.answer(own, replies.place(of: own, seq, body))
    }

    private func provisionalEnded(_ own: Submission) {
        provisionals.ended()
        replication.outbox.removed(own)
    }

    /// A message has its place that members saw without one. Who was not shown it on its present connection gets the
    /// message, and a gap in its place who has seen it in a former epoch.
    private func confirm(_ own: Submission, _ seq: UInt64, _ message: FrameSlice, isNew: Bool) {
        let confirm = replies.confirmFrame(own, at: Position(epoch: home.room.log.epoch, seq: seq))
        let batch = home.openBatch()
        batch.append(confirm)
        let sawBefore = Set((isNew ? [] : resumed.thatSaw(seq, former)).map(ObjectIdentifier.init))
        let gap = sawBefore.isEmpty ? message : replies.gapFrame(before: seq + 1, .trimmed)
        for member in provisionals.membersWithout(own) {
            let hasSeen = sawBefore.contains(ObjectIdentifier(member))
            batch.cut(for: member, length: confirm.length, replacement: hasSeen ? gap : message)
        }
        provisionalEnded(own)
        if case .connection(let author) = own.author, !home.room.isIn(author) {
            batch.cut(for: author, length: confirm.length, replacement: confirm)
        }
    }

    /// A message that members saw without a place had one, where this node did not look for it. Each is led past that
    /// place, or has passed it: who was not shown the message on its present connection has it from there.
    private func confirmRepeated(_ own: Submission, at place: Position) {
        guard isReady else {
            unplaced.gotPlace(own, at: place)
            return replication.outbox.removed(own)
        }
        let confirm = replies.confirmFrame(own, at: place)
        let batch = home.openBatch()
        batch.append(confirm)
        for member in provisionals.membersWithout(own) { batch.cut(for: member, length: confirm.length, ack: nil) }
        provisionalEnded(own)
    }

    /// Says now that something does not come: who comes in hears where the room stands.
    func announceGap() {
        let newest = home.room.log.newestSeq
        guard isReady, announced.position != Position(epoch: home.room.log.epoch, seq: newest) else { return }
        announce(newest, before: newest + 1)
        home.flush()
    }

    /// Members hear of `seq` now, and that what lies between the last entry that they heard of and `next` does not
    /// come, if something does.
    private func announce(_ seq: UInt64, before next: UInt64? = nil) {
        let (epoch, next) = (home.room.log.epoch, next ?? seq)
        if let reason = announced.takeGap(before: next, in: epoch) {
            home.openBatch().append(replies.gapFrame(before: next, reason))
        }
        announced.reached(Position(epoch: epoch, seq: seq))
    }

    func skipped(to seq: UInt64) {
        home.room.replaceHistory(epoch: home.room.log.epoch, forkedAt: seq)
        announced.skipped(.trimmed)
    }

    func lost(upTo seq: UInt64) { pass(upTo: seq, .trimmed) }

    func passedUnstored(upTo seq: UInt64) { pass(upTo: seq, .notStored) }

    private func pass(upTo seq: UInt64, _ reason: GapReason) {
        home.room.passUnstored(upTo: seq)
        guard isReady else { return }
        announced.skipped(reason)
        announce(seq, before: seq + 1)
    }

    func held(like body: [UInt8]) -> ReplicaLog.Held? { home.room.held(like: body) }

    func fenced(_ submissions: [Submission]) { replies.refuseFenced(submissions) }

    func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
        if case .connection(let author) = submission.author {
            provisionals.repeated(waiting, by: author, isLive: !home.live.isReplaying(author))
        }
        replies.answer(submission, .init(position: nil, time: waiting.time, isRepetition: true))
    }

    func provisional(_ submission: Submission) {
        let frame = replies.provisionalFrame(submission)
        home.openBatch().append(message: frame)
        core.counters.provisional.add(1)
        replication.outbox.added(submission)
        provisionals.delivered()
        replies.answer(submission, .init(position: nil, time: submission.time), length: frame.length)
    }

    func repeated(_ submission: Submission, first: Position, time: Int) {
        // One that was acked already, as kept here, gets no second answer.
        guard !submission.isProvisional else {
            return confirmRepeated(submission, at: replies.presentPlace(of: submission, first: first))
        }
        replies.answer(submission, .init(position: first, time: time, isRepetition: true))
    }
}
