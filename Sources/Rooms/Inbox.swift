import Foundations
import WireProtocol

/// What was sent to a user and by the user's own devices, and how far each device has processed it.
///
/// Thread: the home worker's of the user.
package final class Inbox {
    /// Devices whose place is remembered, the most recent ones.
    package static let cursorsMax = 64

    package let user: Identifier
    package private(set) var log: MemoryLog
    private let dedupe = DedupeTable()
    /// Of an inbox that nodes share.
    var index = HistoryIndex()
    private var cursors: [(device: Identifier, seq: UInt64)] = []
    /// Of a history that is no more: the last body that each device had processed, as long as it has not come again.
    var processed: [(device: Identifier, body: [UInt8])] = []
    /// Connections that still replay: what is committed meanwhile reaches them by that.
    private var replaying: Set<ObjectIdentifier> = []
    /// In its home's list of inboxes with something to expire.
    package var isListedForExpiry = false

    init(user: Identifier, log: MemoryLog) {
        self.user = user
        self.log = log
    }

    func replaceLog(with other: MemoryLog) {
        log = other
        index = HistoryIndex()
    }

    package func replayBegan(_ info: ConnectionInfo) { replaying.insert(ObjectIdentifier(info)) }
    package func replayEnded(_ info: ConnectionInfo) { replaying.remove(ObjectIdentifier(info)) }
    package func isReplaying(_ info: ConnectionInfo) -> Bool { replaying.contains(ObjectIdentifier(info)) }

    /// The first commit of a message that was sent before, or nil for a new one.
    package func known(_ sender: Identifier, _ id: UnsafeRawBufferPointer) -> Committed? { dedupe.find(sender, id) }

    /// Remembers a message id of `sender` that was committed.
    package func remember(_ sender: Identifier, _ id: UnsafeRawBufferPointer, _ committed: Committed) {
        dedupe.insert(sender, id, committed)
    }

    /// Where a device goes on: behind its own ack, or behind the highest of any device, or at the oldest entry kept.
    package func cursor(of device: Identifier) -> UInt64 {
        let own = cursors.first { $0.device == device }?.seq
        return own ?? cursors.map(\.seq).max() ?? log.oldestSeq - 1
    }

    /// A device has processed the inbox up to a position. Another epoch's is ignored, one beyond the newest clamped.
    package func acknowledged(_ position: Position, device: Identifier) {
        guard position.epoch == log.epoch else { return }
        raiseCursor(of: device, to: min(position.seq, log.newestSeq))
    }

    /// A device is known to have processed the inbox up to `seq`, which need not be here yet.
    package func raiseCursor(of device: Identifier, to seq: UInt64) {
        if let index = cursors.firstIndex(where: { $0.device == device }) {
            let old = cursors.remove(at: index)
            cursors.append((device, max(old.seq, seq)))
        } else {
            cursors.append((device, seq))
            if cursors.count > Self.cursorsMax { cursors.removeFirst() }
        }
    }

    /// What is known of all devices.
    package var acknowledged: [(device: Identifier, seq: UInt64)] { cursors }

    /// Entries that no device has acked, the user's own copies not counted.
    package var pendingCount: Int { pending.count }

    /// These entries, in order.
    package var pending: [LogEntry] {
        let acked = cursors.map(\.seq).max() ?? 0
        return log.entries(after: acked, countMax: .max, byteCountMax: .max)
            .filter { $0.audience?.isOwnCopy != true }
    }

    /// Forgets what is too old (Unix milliseconds).
    package func expire(idsBefore: Int, entriesBefore: Int) {
        dedupe.expire(before: idsBefore)
        log.expire(before: entriesBefore)
    }

    /// Whether there are neither entries nor known ids.
    package var isEmpty: Bool { log.oldestSeq > log.newestSeq && dedupe.count == 0 }
}
