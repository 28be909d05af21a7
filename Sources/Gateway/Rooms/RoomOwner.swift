import Core
import Rooms
import WireProtocol

/// A room at its home worker: it commits and delivers, lets members in and out, and answers what is asked of the room.
///
/// Thread: the home worker's. Answers go to a connection's worker behind everything that the room said before.
final class RoomOwner: Identifiable {
    let room: Room
    /// The table that owns it, and outlives what it does.
    unowned(unsafe) let table: RoomTable
    /// Output since the last delivery; nil for nothing. Rooms take one of their table's batches when they have
    /// something to say, so that those that are silent hold no memory for it, and those that talk allocate none.
    @exclusivity(unchecked) private var batch: RoomBatch?
    /// Set once, by `begin`.
    @exclusivity(unchecked) private(set) var sequencer = RoomSequencer.local
    /// The members on this worker itself, if there are any.
    @exclusivity(unchecked) var localAudience: LocalAudience?
    @exclusivity(unchecked) var live: LiveMembers
    /// In the table's list of rooms that nobody is in.
    var isListedAsIdle = false
    /// The links that the room is bridged to.
    @exclusivity(unchecked) var outlet: (any RoomOutlet)?

    init(_ room: Room, in table: RoomTable) {
        self.room = room
        self.table = table
        live = LiveMembers(workerCount: table.core.context.workerCount)
    }

    /// Begins to follow the cluster's log, if there is one; to be called once the room is in its table.
    func begin(_ replication: Replication?) {
        sequencer = RoomSequencer(self, replication)
        if case .replicated(let room) = sequencer { room.begin() }
    }

    var id: Identifier { room.id }
    var core: WorkerCore { table.core }

    /// Whether nobody is in, on this node, and nothing is bridged to it.
    var isVacant: Bool { room.isEmpty && outlet == nil }

    /// Distinct users on all nodes.
    var userCount: Int { room.userCount + sequencer.elsewhere.count }

    /// Living connections on this node, and on the others those that they report.
    var connectionCount: Int { room.connectionCount + sequencer.connectionsElsewhere }

    /// The room as the HTTP API shows it.
    var description: RoomDescription {
        RoomDescription(
            id: id, name: room.settings.name, users: userCount, connections: connectionCount,
            usersMax: room.settings.usersMax, historySize: room.settings.historySize, epoch: room.log.epoch,
            seq: room.log.newestSeq, createdAt: room.createdAt)
    }

    // MARK: Delivery

    /// The batch that takes the room's output; it is delivered at the end of this turn.
    func openBatch() -> RoomBatch {
        if let batch { return batch }
        let opened = table.takeBatch(for: self)
        batch = opened
        return opened
    }

    /// Takes the frame in `writer` for all members.
    func broadcastWritten() { openBatch().append(core.writtenFrame()) }

    /// Takes the frame in `writer` for all members but one connection.
    func broadcastWritten(except info: ConnectionInfo) {
        let frame = core.writtenFrame()
        let batch = openBatch()
        batch.append(frame)
        batch.cut(for: info, length: frame.length, ack: nil)
    }

    /// Answers a message of a connection with the frame in `writer`, behind the room's output so far.
    func answerWritten(_ info: ConnectionInfo) {
        flush()
        core.answerWritten(info)
    }

    /// The same for the answer to a read.
    func answerReadWritten(_ info: ConnectionInfo) {
        flush()
        core.answerReadWritten(info)
    }

    /// Delivers the output so far: to members here by a call, to members elsewhere by one message per worker.
    /// - Parameter isTurnEnding: nothing more will come from this room in this turn.
    func flush(isTurnEnding: Bool = false) {
        guard var batch else { return }
        self.batch = nil
        if let windowBits = live.windowBits, core.compresses {
            batch.compress(with: core.compressor, windowBits: windowBits)
        }
        for worker in 0..<core.context.workerCount where worker != core.index {
            let isConcerned = live.isLive(on: worker) || batch.cuts.contains { $0.worker == worker }
            if isConcerned { core.send(.deliver(batch), to: worker) }
        }
        if let localAudience {
            localAudience.deliver(batch, isTurnEnding: isTurnEnding)
        } else if !batch.cuts.isEmpty {
            // Authors that have left still get their acks.
            core.send(.deliver(batch), to: core.index)
        }
        // A batch that another worker reads is not filled again.
        if isKnownUniquelyReferenced(&batch) { table.reuse(batch) }
        outlet?.roomAdvanced()
    }

    // MARK: Messages

    /// Commits a message, or takes it to be committed, and notifies its author of its place in the room's order.
    func publish(_ fields: MessageFields, user: Identifier, device: Identifier?, author: Submission.Author) {
        guard !core.stored.isFull else { return refuseAsStoreFull(author, id: fields.id?.text) }
        switch sequencer {
        case .local: publishHere(fields, user: user, device: device, author)
        case .replicated(let shared):
            let time = core.loop.unixNow
            let rawID = fields.id?.raw ?? core.ids.nextBytes()
            core.writer.messageBody(MessageHead(id: rawID, user: user, device: device, time: time), fields)
            let id = fields.id.map { $0.withBytes { Array($0) } } ?? Array(rawID)
            let submission = Submission(
                user: user, id: id, rawID: Array(rawID), body: Array(core.writer.bytes), time: time, author: author)
            if !shared.submit(submission) { refuseAsOutboxFull(author, id: fields.id?.text) }
        }
    }

    /// Commits a message in this node's own order, or finds the commit of the same id.
    private func publishHere(
        _ fields: MessageFields, user: Identifier, device: Identifier?, _ author: Submission.Author
    ) {
        let core = core
        if let id = fields.id, let known = id.withBytes({ room.known(user, $0) }) {
            core.writer.ack(.room(room.id), id: id.raw, position: known.position, time: known.time, isDuplicate: true)
            return notify(author, status: 200, length: 0)
        }
        let time = core.loop.unixNow
        let id = fields.id?.raw ?? core.ids.nextBytes()
        let seq = room.newestSeq + 1
        let head = room.historyHead
        core.writer.message(
            in: head, seq: seq, MessageHead(id: id, user: user, device: device, time: time), fields)
        core.counters.committed.add(1)
        let frame: FrameSlice
        if let given = fields.id {
            frame = given.withBytes {
                room.commit(core.writer.bytes, from: user, id: $0, time: time, at: core.loop.now)
            }
        } else {
            frame = room.commit(core.writer.bytes, from: user, id: nil, time: time, at: core.loop.now)
        }
        if let events = core.events, events.wantsMessages {
            events.committed(in: room.id, by: user, device, at: time, core.writer.bytes)
        }
        core.messagesGrew()
        if core.stored.excess > 0 { giveItself() }
        openBatch().append(message: frame)
        if case .connection(let info) = author { info.messageCommitted(at: time) }
        core.writer.ack(in: head, seq: seq, id: id, time: time)
        notify(author, status: 201, length: frame.length)
    }

    /// An operator's room makes no place for others. While the node holds too much it makes some for what is said in it
    /// itself, if it holds as much as anybody.
    private func giveItself() {
        guard room.isConfigured, StoredLedger.sizeClass(of: room.storedBytes) >= core.stored.biggest else { return }
        _ = room.give(max(min(core.stored.excess, room.storedBytes / 2), room.storedBytes / 8))
        core.settleStored()
    }

    /// Gives an author the ack in `writer`: a connection in its place in the room's order, before the message's own
    /// frame, which is the last one in the batch and has this length.
    func notify(_ author: Submission.Author, status: Int, length: Int) {
        switch author {
        case .connection(let info): openBatch().cut(for: info, length: length, ack: core.writtenFrame())
        case .request(let number): table.publications.answer(number, .json(status, core.writer.array))
        case .link(let link): outlet?.accepted(from: link)
        case .nobody: break
        }
    }

    /// - Parameter id: the client's own, if it sent one.
    private func refuseAsStoreFull(_ author: Submission.Author, id: String?) {
        core.counters.refused(.storeFull)
        switch author {
        case .connection(let info):
            core.writer.error(
                .unavailable, StoredShare.fullText, id: id, room: room.id,
                retryMilliseconds: core.storeFullMilliseconds())
            answerWritten(info)
        case .request(let number): table.publications.answer(number, .storeFull)
        case .link(let link): outlet?.refused(from: link)
        case .nobody: break
        }
    }

    /// - Parameter id: the client's own, if it sent one.
    private func refuseAsOutboxFull(_ author: Submission.Author, id: String?) {
        core.counters.refused(.outboxFull)
        switch author {
        case .connection(let info):
            core.writer.error(
                .outboxFull, Outbox.fullText, id: id, room: room.id, retryMilliseconds: Outbox.retryMilliseconds)
            answerWritten(info)
        case .request(let number): table.publications.answer(number, .outboxFull)
        case .link(let link): outlet?.refused(from: link)
        case .nobody: break
        }
    }

    /// Notifies an author that a message that was taken gets no place: instead of the ack, or behind that of one that
    /// was kept.
    func refuse(_ submission: Submission, _ text: String) {
        switch submission.author {
        case .connection(let info):
            core.writer.error(.unavailable, text, id: String(decoding: submission.id, as: UTF8.self), room: room.id)
            guard submission.isProvisional else { return core.answerWritten(info) }
            core.send(.frames([core.writtenFrame()]), to: info)
        case .request(let number): table.publications.answer(number, .unavailable(text, retrySeconds: 1))
        case .link(let link): outlet?.refused(from: link)
        case .nobody: break
        }
    }
}
