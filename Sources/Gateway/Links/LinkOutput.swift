import ClusterState
import Core
import Rooms
import WireProtocol

/// The way from a link's room to the remote server: the link reads the room's history from its position
/// on, as fast as the remote server takes it. Nothing is queued for it but what the history has anyway.
///
/// Thread: the worker's.
final class LinkOutput {
    /// Messages that are read at once.
    private static let readMax = 64
    /// Reads in one call; the rest follows at the next tick, or when the socket has drained.
    private static let readsMax = 16

    private unowned let link: Link
    private let user: Identifier
    /// Up to where messages were given to the connection, or passed; nil: nowhere yet.
    private var position: Position?
    /// Up to where they have left this process: from here on another owner sends them again.
    private(set) var settled: Position?
    /// Messages that were passed without being sent.
    private(set) var dropped: Int
    private var isPumping = false

    init(of link: Link, _ record: LinkRecord) {
        self.link = link
        user = Identifier(unchecked: "link:\(link.id)")
        (position, settled, dropped) = (record.position, record.position, record.dropped)
    }

    /// The room is gone: what follows is another one's history.
    func forgetPosition() { (position, settled) = (nil, nil) }

    /// The connection has ended. What it still had to send was not sent.
    func interrupted() {
        settle()
        position = settled
    }

    /// The kernel has all that was sent, or there is no connection that could have something.
    private func settle() {
        if link.connection?.queuedBytes ?? 0 == 0 { settled = position }
    }

    /// Sends what there is and what the socket takes; while the link is down, passes it, or lets it wait for a replay.
    func pump() {
        guard !isPumping, let owner = link.owner, owner.sequencer.isInStep, link.mayAct else { return }
        isPumping = true
        defer { isPumping = false }
        settle()
        defer { settle() }
        let isUp = link.connection?.isOpenForMessages ?? false
        let log = owner.room.log
        guard let start = position else {
            position = Position(epoch: log.epoch, seq: log.newestSeq)
            return
        }
        guard isUp || !link.definition.replays else { return }
        if start.epoch != log.epoch { changeEpoch(from: start, owner, isUp: isUp) }
        var reads = 0
        while reads < Self.readsMax, sendsNext(of: log, isUp: isUp) { reads += 1 }
    }

    /// False when there is nothing more, or the socket takes no more.
    private func sendsNext(of log: MemoryLog, isUp: Bool) -> Bool {
        guard let position, position.seq < log.newestSeq else { return false }
        let seq = position.seq
        if isUp, link.connection?.queuedBytes ?? 0 >= LinkLimits.sendQueueBytes { return false }
        if log.oldestSeq > seq + 1 { dropped += Int(log.oldestSeq - seq - 1) }
        let entries = log.entries(
            after: seq, countMax: Self.readMax, byteCountMax: LinkLimits.sendQueueBytes)
        for entry in entries { pass(entry, isUp: isUp) }
        self.position = Position(epoch: log.epoch, seq: entries.last?.seq ?? log.newestSeq)
        return true
    }

    private func pass(_ entry: LogEntry, isUp: Bool) {
        let text = entry.frame.payload
        guard Self.author(of: text) != user else { return }
        if isUp { link.connection?.send(text: text) } else { dropped += 1 }
    }

    /// Another history has begun: goes on behind what of the former one is in it.
    private func changeEpoch(from start: Position, _ owner: RoomOwner, isUp: Bool) {
        let log = owner.room.log
        let former = owner.sequencer.former
        // Of a history that this node did not follow it can't say what was sent.
        guard link.definition.replays || former.lineage.fork(of: start.epoch) != nil else {
            position = Position(epoch: log.epoch, seq: log.newestSeq)
            return
        }
        let plan = ResumePlan(from: start, in: log, former)
        for seq in plan.shown { if let entry = log.entry(at: seq) { pass(entry, isUp: isUp) } }
        position = Position(epoch: log.epoch, seq: plan.replayAfter)
    }

    private static func author(of text: UnsafeRawBufferPointer) -> Identifier? {
        guard let table = try? FieldTable(scanning: text) else { return nil }
        return try? table.identifier(.user)
    }
}
