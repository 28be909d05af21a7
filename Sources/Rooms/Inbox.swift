import Core
import WireProtocol

/// The messages to a user and by the user's own devices, how far each device has processed them, and how far each
/// connection was led through them.
///
/// Thread: the home worker's of the user.
package final class Inbox {
    /// Devices whose place is remembered, the most recent ones.
    package static let cursorsMax = 64

    package let user: Identifier
    package private(set) var log: MemoryLog
    private let stored: StoredMessages
    /// Names the inbox in the table of known ids.
    private let scope: UInt64
    /// When the last message with an id came, loop milliseconds; nil: no id is known.
    private var identifiedAt: Int?
    package var listing = StoredListing()
    /// Of an inbox that nodes share.
    var index = HistoryIndex()
    /// Where entries stood in former histories of an inbox that nodes share.
    package var former = FormerPlaces()
    private var cursors: [(device: Identifier, cursor: InboxCursor)] = []
    /// Up to where any device has acked.
    package private(set) var acked = InboxCursor()
    /// The user's connections here.
    package var readers: [InboxReader] = []
    /// In its home's list of inboxes with something to expire.
    package var isListedForExpiry = false

    /// - Parameter stored: that of all inboxes of the worker.
    init(user: Identifier, epoch: String, size: Int, in stored: StoredMessages) {
        self.user = user
        self.stored = stored
        scope = stored.ids.makeScope()
        log = MemoryLog(epoch: epoch, capacity: size, meter: stored.inboxes.meter)
        stored.inboxes.meter.add(Self.ownBytes)
    }

    deinit {
        stored.inboxes.meter.add(-Self.ownBytes)
        stored.inboxes.remove(self)
    }

    /// An entry was appended to this node's own history.
    /// - Parameter payload: contains its seq, `log.newestSeq + 1`.
    package func append(_ payload: UnsafeRawBufferPointer, audience: Audience?, at now: Int) -> FrameSlice {
        let frame = log.append(payload, audience: audience, at: now)
        stored.inboxes.settle(self)
        return frame
    }

    func replaceLog(epoch: String, forkedAt seq: UInt64) {
        log = MemoryLog(epoch: epoch, capacity: log.capacity, forkedAt: seq, meter: stored.inboxes.meter)
        index = HistoryIndex()
        stored.inboxes.settle(self)
    }

    /// The first commit of a message that was sent before, or nil for a new one.
    package func known(_ sender: Identifier, _ id: UnsafeRawBufferPointer) -> Committed? {
        stored.ids.find(scope, sender, id, newestSeq: log.newestSeq).map {
            Committed(position: Position(epoch: log.epoch, seq: $0.seq), time: $0.time)
        }
    }

    /// Remembers a message id of `sender` that was committed.
    package func remember(_ sender: Identifier, _ id: UnsafeRawBufferPointer, _ committed: Committed, at now: Int) {
        stored.ids.insert(scope, sender, id, seq: committed.position.seq, time: committed.time, at: now)
        identifiedAt = now
    }

    // MARK: Cursors

    /// Where a device goes on; nil when it has no cursor.
    package func cursor(of device: Identifier) -> InboxCursor? { cursors.first { $0.device == device }?.cursor }

    /// Where a device begins that has no cursor: where any device has acked, else before the oldest entry.
    package var beginning: InboxCursor {
        acked.positions.isEmpty ? InboxCursor([Position(epoch: log.epoch, seq: log.oldestSeq - 1)]) : acked
    }

    /// A device has come: it gets a cursor if it has none, and is one of the most recent ones.
    package func came(_ device: Identifier) { merge(cursor(of: device) == nil ? beginning : InboxCursor(), of: device) }

    /// Takes what is known elsewhere of a device.
    package func merge(_ other: InboxCursor, of device: Identifier) {
        var cursor = InboxCursor()
        if let index = cursors.firstIndex(where: { $0.device == device }) { cursor = cursors.remove(at: index).cursor }
        cursor.merge(other)
        cursors.append((device, cursor))
        if cursors.count > Self.cursorsMax { cursors.removeFirst() }
    }

    /// Takes what is known elsewhere of what any device has acked.
    package func mergeAcked(_ other: InboxCursor) { acked.merge(other) }

    /// A device has processed the inbox up to a position, one beyond the newest entry means that. False when the
    /// position is of a history that is not known here, and nothing changes.
    /// - Parameter device: nil: one that is not remembered.
    @discardableResult
    package func acknowledged(_ position: Position, device: Identifier?) -> Bool {
        let isPresent = position.epoch == log.epoch
        guard isPresent || former.knows(position.epoch) else { return false }
        let seq = isPresent ? min(position.seq, log.newestSeq) : position.seq
        let processed = Position(epoch: position.epoch, seq: seq)
        acked.merge(processed)
        if let device { merge(InboxCursor([processed]), of: device) }
        stored.inboxes.settle(self)
        return true
    }

    /// All cursors that are known.
    package var allCursors: [(device: Identifier, cursor: InboxCursor)] { cursors }

    /// Forgets all devices.
    package func forgetCursors() { cursors = [] }

    /// Whether an entry is one that was processed.
    package func isProcessed(_ seq: UInt64, by cursor: InboxCursor) -> Bool {
        cursor.positions.contains { position in
            position.epoch == log.epoch ? seq <= position.seq : former.wasSeen(seq, upTo: position)
        }
    }

    /// Entries that no device has acked, the user's own copies not counted.
    package var pendingCount: Int { pending.count }

    /// These entries, in order.
    package var pending: [LogEntry] {
        log.entries(after: acked.seq(in: log.epoch) ?? 0, countMax: .max, byteCountMax: .max)
            .filter { $0.audience?.isOwnCopy != true && !isProcessed($0.seq, by: acked) }
    }

    /// Forgets what is too old (loop milliseconds).
    package func expire(idsBefore: Int, entriesBefore: Int) {
        if let time = identifiedAt, time < idsBefore { identifiedAt = nil }
        let before = log.storedBytes
        log.expire(before: entriesBefore)
        if log.storedBytes != before { stored.inboxes.settle(self) }
    }

    /// Whether there are neither entries nor known ids.
    package var isEmpty: Bool { log.oldestSeq > log.newestSeq && identifiedAt == nil }

    /// Whether something waits that no device has acked.
    package var hasPending: Bool { firstPending != nil }

    /// The seq of the oldest entry that no device has acked; looks no further than that.
    private var firstPending: UInt64? {
        var seq = max(acked.seq(in: log.epoch) ?? 0, log.oldestSeq - 1)
        while let next = log.firstSeq(after: seq) {
            if let entry = log.entry(at: next), entry.audience?.isOwnCopy != true, !isProcessed(next, by: acked) {
                return next
            }
            seq = next
        }
        return nil
    }
}

extension Inbox: StoredHolder {
    /// Its own memory and its user's, which stays for it.
    private static let ownBytes = 1024

    package var storedBytes: Int { log.storedBytes }

    /// Entries that somebody still waits for stay.
    package func give(_ bytes: Int) -> Int { log.give(bytes, before: firstPending ?? .max) }
}
