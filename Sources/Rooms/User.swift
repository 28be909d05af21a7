import Foundations
import WireProtocol

/// A user at its home: the connections on this node, the session, and the inbox with each device's place in it.
///
/// Pure: time comes in, effects are results. Thread: the home worker's.
package final class User {
    /// Devices whose place in the inbox is remembered, the most recent ones.
    package static let cursorsMax = 64

    package private(set) var session: Session
    package private(set) var attendance = Attendance()
    private var mailbox: Mailbox?

    /// In its home's list of users whose inbox has something to expire.
    package var isListedForExpiry = false

    /// There once something was sent to or acked by the user.
    private final class Mailbox {
        let log: MemoryLog
        var dedupe = DedupeTable()
        var cursors: [(device: Identifier, seq: UInt64)] = []
        init(log: MemoryLog) { self.log = log }
    }

    /// The inbox's history, named before there is an entry.
    package let inboxEpoch: String
    /// Connections that still replay the inbox: what is committed meanwhile reaches them by that.
    private var replaying: Set<ObjectIdentifier> = []

    package init(session: Session, inboxEpoch: String) {
        self.session = session
        self.inboxEpoch = inboxEpoch
    }

    package var id: Identifier { session.user }

    /// The former session is over: a new one begins.
    package func beginSession(_ id: String) -> Session {
        session = Session(id: id, user: session.user)
        return session
    }

    // MARK: Connections

    package var isOnline: Bool { attendance.hasLiving }
    package var connectionCount: Int { attendance.livingCount }

    package struct Arrival {
        /// The connection of the same device that is to be closed.
        package let replaced: ConnectionInfo?
        /// The user's other devices are to be told.
        package let isNewDevice: Bool
    }

    package func connected(_ info: ConnectionInfo) -> Arrival {
        let replaced = attendance.living.first { $0.device == info.device }
        if let replaced { attendance.left(replaced) }
        let isNew = attendance.joined(info)
        return Arrival(replaced: replaced, isNewDevice: isNew && replaced == nil)
    }

    /// A connection was lost; its device counts as online until `graceEnd`. False when it was replaced before.
    package func lost(_ info: ConnectionInfo, graceEnd: Int) -> Bool {
        guard attendance.living.contains(where: { $0 === info }) else { return false }
        attendance.lost(info, graceEnd: graceEnd)
        return true
    }

    /// A connection was ended by an operator. False when it was replaced before.
    package func left(_ info: ConnectionInfo) -> Bool {
        guard attendance.living.contains(where: { $0 === info }) else { return false }
        attendance.left(info)
        return true
    }

    /// Devices that are offline now, because their grace is over.
    package func graceEnded(at now: Int) -> [ConnectionInfo] { attendance.expire(at: now) }

    // MARK: Inbox

    /// The inbox, made at the first use.
    package func openInbox(size: Int) -> any MessageLog {
        if let mailbox { return mailbox.log }
        let opened = Mailbox(log: MemoryLog(epoch: inboxEpoch, capacity: size))
        mailbox = opened
        return opened.log
    }

    /// The newest entry.
    package var inboxPosition: Position { Position(epoch: inboxEpoch, seq: mailbox?.log.newestSeq ?? 0) }

    package func replayBegan(_ info: ConnectionInfo) { replaying.insert(ObjectIdentifier(info)) }
    package func replayEnded(_ info: ConnectionInfo) { replaying.remove(ObjectIdentifier(info)) }
    package func isReplaying(_ info: ConnectionInfo) -> Bool { replaying.contains(ObjectIdentifier(info)) }

    /// Connections that are told what is committed now.
    package var live: [ConnectionInfo] {
        let living = attendance.living
        return replaying.isEmpty ? living : living.filter { !isReplaying($0) }
    }

    /// The inbox if there is one.
    package var inbox: (any MessageLog)? { mailbox?.log }

    package func known(_ sender: Identifier, _ id: UnsafeRawBufferPointer) -> Committed? {
        mailbox?.dedupe.find(sender, id)
    }

    /// Remembers a message id of `sender` that was committed to the inbox.
    package func remember(_ sender: Identifier, _ id: UnsafeRawBufferPointer, _ committed: Committed) {
        mailbox?.dedupe.insert(sender, id, committed)
    }

    /// Where a device goes on: behind its own ack, or behind the highest of any device, or at the oldest entry kept.
    package func cursor(of device: Identifier) -> UInt64 {
        guard let mailbox else { return 0 }
        let own = mailbox.cursors.first { $0.device == device }?.seq
        return own ?? mailbox.cursors.map(\.seq).max() ?? mailbox.log.oldestSeq - 1
    }

    /// A device has processed its inbox up to a position. Another epoch's is ignored, one beyond the newest clamped.
    package func acknowledged(_ position: Position, device: Identifier) {
        guard let mailbox, position.epoch == mailbox.log.epoch else { return }
        let seq = min(position.seq, mailbox.log.newestSeq)
        if let index = mailbox.cursors.firstIndex(where: { $0.device == device }) {
            let old = mailbox.cursors.remove(at: index)
            mailbox.cursors.append((device, max(old.seq, seq)))
        } else {
            mailbox.cursors.append((device, seq))
            if mailbox.cursors.count > Self.cursorsMax { mailbox.cursors.removeFirst() }
        }
    }

    /// Entries that no device has acked, the user's own copies not counted.
    package var pendingCount: Int {
        guard let mailbox else { return 0 }
        let acked = mailbox.cursors.map(\.seq).max() ?? 0
        return mailbox.log.entries(after: acked, countMax: .max, byteCountMax: .max)
            .count { $0.audience?.isOwnCopy != true }
    }

    /// Forgets what is too old (Unix milliseconds). An inbox that is empty afterwards stays as long as ids are known.
    package func expire(idsBefore: Int, entriesBefore: Int) {
        mailbox?.dedupe.expire(before: idsBefore)
        mailbox?.log.expire(before: entriesBefore)
    }

    /// Whether the inbox has neither entries nor known ids.
    package var isInboxForgettable: Bool { mailbox.map { $0.log.count == 0 && $0.dedupe.count == 0 } ?? true }

    /// Whether nothing would be lost if the user were forgotten.
    package var isForgettable: Bool { attendance.isEmpty && isInboxForgettable }
}
