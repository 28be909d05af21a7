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

    func provisionalFrame(_ submission: Submission) -> FrameSlice {
        submission.body.withUnsafeBytes { core.writer.provisionalMessage(in: home.room.id, body: $0) }
        return core.writtenFrame()
    }

    func confirmFrame(_ own: Submission, at position: Position) -> FrameSlice {
        own.rawID.withUnsafeBytes { id in
            core.writer.confirm(
                room: home.room.id, epoch: position.epoch, user: own.user, id: id, seq: position.seq)
        }
        return core.writtenFrame()
    }

    /// Says that entries before `seq` do not come.
    func gapFrame(before seq: UInt64, _ reason: GapReason) -> FrameSlice {
        core.writer.gap(room: home.room.id, epoch: home.room.log.epoch, nextSeq: seq, reason: reason.rawValue)
        return core.writtenFrame()
    }
}
