import Core
import Rooms
import WireProtocol

/// Writes the frames about messages that this node submitted to a room's log: to their authors, and to members who saw
/// them without a place. Thread: the home worker's.
struct SubmissionReplies {
    unowned let home: RoomOwner

    private var core: WorkerCore { home.core }

    /// The place of a message, as far as it is known.
    struct Place {
        /// nil while it has none.
        let position: Position?
        let time: Int
        var isRepetition = false
    }

    /// The place of a message that was committed with this body.
    func place(of own: Submission, _ seq: UInt64, _ body: [UInt8]) -> Place {
        let isFirst = own.body == body
        let time = isFirst ? own.time : body.withUnsafeBytes(MessageBody.time) ?? own.time
        return Place(
            position: Position(epoch: home.room.log.epoch, seq: seq), time: time, isRepetition: !isFirst)
    }

    /// Where a message stands in the present history that was committed first at `first`, perhaps in a former one.
    func presentPlace(of own: Submission, first: Position) -> Position {
        let epoch = home.room.log.epoch
        if first.epoch == epoch { return first }
        if let seq = home.room.held(like: own.body)?.seq { return Position(epoch: epoch, seq: seq) }
        let isBeforeFork = home.sequencer.former.lineage.fork(of: first.epoch).map { first.seq <= $0 } ?? false
        return isBeforeFork ? Position(epoch: epoch, seq: first.seq) : first
    }

    func writeAck(_ submission: Submission, _ place: Place) {
        submission.rawID.withUnsafeBytes { id in
            core.writer.ack(
                .room(home.room.id), id: id, position: place.position, time: place.time,
                isDuplicate: place.isRepetition, durable: place.position == nil ? .local : .redis,
                isStored: submission.isStored)
        }
    }

    /// Notifies an author of a message's place. `length` is that of the message's own frame, the last in the batch.
    func answer(_ submission: Submission, _ place: Place, length: Int = 0) {
        writeAck(submission, place)
        let status = place.isRepetition ? 200 : place.position == nil ? 202 : 201
        home.notify(submission.author, status: status, length: length)
    }

    /// Notifies links that others own by now that the log has refused what they brought.
    func refuseFenced(_ submissions: [Submission]) {
        var counts: [Identifier: Int] = [:]
        for submission in submissions {
            core.counters.refused(.fenced)
            guard case .link(let author) = submission.author else { continue }
            counts[author.id, default: 0] += 1
            home.outlet?.refused(from: author)
        }
        for (link, count) in counts {
            core.logger.warning(
                "messages of a link are refused, as another node owns it by now",
                metadata: ["link": "\(link)", "room": "\(home.id)", "count": "\(count)"])
        }
    }

    func provisionalFrame(_ submission: Submission) -> FrameSlice {
        submission.body.withUnsafeBytes { core.writer.provisionalMessage(in: home.room.id, body: $0) }
        return core.writtenFrame()
    }

    func confirmFrame(_ own: Submission, at position: Position) -> FrameSlice {
        confirmFrame(own.user, own.rawID, at: position)
    }

    private func confirmFrame(_ user: Identifier, _ rawID: [UInt8], at position: Position) -> FrameSlice {
        rawID.withUnsafeBytes { id in
            core.writer.confirm(room: home.room.id, epoch: position.epoch, user: user, id: id, seq: position.seq)
        }
        return core.writtenFrame()
    }

    /// Leads somebody from a former epoch to the entries behind `plan.replayAfter`. What stands before them and is new
    /// to it is shown without a place; then come, in one piece, the gap and the places in their order, and a gap in
    /// the place of what it has seen.
    /// - Parameters:
    ///   - entries: seqs of what is said on the way, rising; nil: of `plan.shown` alone.
    ///   - wrap: makes what the caller sends of a frame.
    ///   - answer: what somebody gets at an entry of these, by seq, who waits for an answer there; nil: it is shown.
    func leadFrames<Frame>(
        _ plan: ResumePlan, over entries: [UInt64]? = nil, as wrap: (FrameSlice) -> Frame,
        answer: (UInt64) -> Frame? = { _ in nil }
    ) -> [Frame] {
        guard var reason = plan.gap else { return [] }
        var (shown, placed) = ([Frame](), [Frame]())
        var next: UInt64?
        func leads(to seq: UInt64) {
            if next != seq { placed.append(wrap(gapFrame(before: seq, reason))) }
            (next, reason) = (seq + 1, .trimmed)
        }
        for seq in entries ?? plan.shown {
            if let answer = answer(seq) {
                leads(to: seq)
                placed.append(answer)
            } else if let message = home.room.body(at: seq).flatMap(KeptMessage.init) {
                message.body.withUnsafeBytes { core.writer.provisionalMessage(in: home.room.id, body: $0) }
                shown.append(wrap(core.writtenFrame()))
                leads(to: seq)
                let position = Position(epoch: home.room.log.epoch, seq: seq)
                placed.append(wrap(confirmFrame(message.user, message.rawID, at: position)))
            }
        }
        leads(to: plan.replayAfter + 1)
        return shown + placed
    }

    /// Says that entries before `seq` do not come.
    func gapFrame(before seq: UInt64, _ reason: GapReason) -> FrameSlice {
        core.writer.gap(room: home.room.id, epoch: home.room.log.epoch, nextSeq: seq, reason: reason.rawValue)
        return core.writtenFrame()
    }
}
