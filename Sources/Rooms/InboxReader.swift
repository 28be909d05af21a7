import Core

/// One connection on its way through its user's inbox: it gets each entry once, in order, and is notified of what
/// can't come.
///
/// While nobody can say where its device goes on it has no place, and gets what is provisional alone. Pure: the caller
/// sends what `next` gives. A value of the inbox.
package struct InboxReader {
    /// A message that the connection knows without a place.
    package struct Provisional: Sendable {
        /// Its sender.
        package let user: Identifier
        /// The id as it stands in the frame, the inside of a JSON string.
        package let rawID: [UInt8]

        package init(_ submission: Submission) {
            user = submission.user
            rawID = submission.rawID
        }
    }

    /// The next that the connection gets.
    package enum Step {
        case entry(LogEntry)
        /// Entries before `seq` do not come.
        case gap(before: UInt64, GapReason)
        /// A message that it knows has its place.
        case confirm(Provisional, seq: UInt64)
    }

    package let info: ConnectionInfo
    /// The entry up to which it was led; nil: it has no place.
    private var reached: Position?
    /// Up to where it needs nothing: its device has processed that, or it came in a former history.
    private var processed = InboxCursor()
    /// Why the next entry does not follow what the connection has.
    private var gap: GapReason?
    /// The messages that it knows without a place, by their keys. Bound: what the node keeps for the store.
    private var provisional: [[UInt8]: Provisional] = [:]
    /// It takes a long replay part by part, and gets nothing live before the end.
    package var isReplaying = false

    package init(_ info: ConnectionInfo) { self.info = info }

    package var isPlaced: Bool { reached != nil }

    /// Whether it gets at once what comes.
    package var isLive: Bool { isPlaced && !isReplaying }

    /// It gets provisional messages when they come.
    package var takesProvisional: Bool { !isReplaying }

    /// It is known where its device goes on: with an empty cursor, before the oldest entry.
    package mutating func placed(at cursor: InboxCursor, in log: MemoryLog) {
        processed = cursor
        let before = log.oldestSeq - 1
        let present = cursor.seq(in: log.epoch).map { seq in
            // What it knows without a place is confirmed, also where its device has processed that elsewhere.
            Position(epoch: log.epoch, seq: provisional.isEmpty ? seq : min(seq, before))
        }
        reached = present ?? cursor.positions.last ?? Position(epoch: log.epoch, seq: before)
    }

    /// A message was delivered to it without a place, or was sent by it; false when it was before.
    package mutating func saw(_ submission: Submission) -> Bool {
        provisional.updateValue(Provisional(submission), forKey: MessageKey.bytes(of: submission.body)) == nil
    }

    /// A message that it may know without a place gets none here: it is a repetition.
    package mutating func forget(_ submission: Submission) -> Provisional? {
        provisional.isEmpty ? nil : provisional.removeValue(forKey: MessageKey.bytes(of: submission.body))
    }

    /// Leads it one step on; nil at the end of what is here.
    /// - Parameter isQuiet: nothing comes by itself, so that a gap is said though no entry follows.
    package mutating func next(in inbox: Inbox, isQuiet: Bool) -> Step? {
        guard var reached else { return nil }
        let log = inbox.log
        enter(inbox, &reached)
        while reached.seq < log.newestSeq {
            let seq = reached.seq + 1
            let entry = log.entry(at: seq)
            // An entry that was lost, or can't be read, was perhaps for it.
            if entry == nil, gap == nil, !inbox.isProcessed(seq, by: processed) { gap = .trimmed }
            guard let entry, let step = step(entry, in: inbox) else {
                reached = Position(epoch: log.epoch, seq: seq)
                continue
            }
            self.reached = reached
            if let reason = gap {
                gap = nil
                return .gap(before: seq, reason)
            }
            self.reached = Position(epoch: log.epoch, seq: seq)
            if case .confirm = step { provisional[key(of: seq, in: inbox)] = nil }
            return step
        }
        self.reached = reached
        guard isQuiet, let reason = gap else { return nil }
        gap = nil
        return .gap(before: max(reached.seq, log.newestSeq) + 1, reason)
    }

    /// Another history may have begun, or the oldest entries may have gone.
    private mutating func enter(_ inbox: Inbox, _ reached: inout Position) {
        let log = inbox.log
        if reached.epoch != log.epoch {
            processed.merge(reached)
            // Of an inbox in which there was nothing, nothing was lost.
            if !processed.isAtStart || !follows(reached, in: inbox) { gap = .epochChanged }
            reached = Position(epoch: log.epoch, seq: log.oldestSeq - 1)
        } else if reached.seq + 1 < log.oldestSeq {
            if gap == nil { gap = .trimmed }
            reached = Position(epoch: log.epoch, seq: log.oldestSeq - 1)
        }
    }

    /// Whether nothing is missing between a position of a former history, which had nothing behind it, and the oldest
    /// entry.
    private func follows(_ position: Position, in inbox: Inbox) -> Bool {
        guard let end = inbox.former.end(of: position.epoch) else { return false }
        return end <= position.seq && inbox.log.oldestSeq <= position.seq + 1
    }

    /// The step that an entry is for the connection, if it is one.
    private func step(_ entry: LogEntry, in inbox: Inbox) -> Step? {
        if !provisional.isEmpty, let known = provisional[key(of: entry.seq, in: inbox)] {
            return .confirm(known, seq: entry.seq)
        }
        guard entry.audience?.includes(device: info.device, type: info.deviceType) != false,
            !inbox.isProcessed(entry.seq, by: processed)
        else { return nil }
        return .entry(entry)
    }

    private func key(of seq: UInt64, in inbox: Inbox) -> [UInt8] {
        inbox.body(at: seq).map { MessageKey.bytes(of: $0) } ?? []
    }
}

extension Inbox {
    /// A connection's own; nil when it is none of the user's.
    package subscript(info: ConnectionInfo) -> InboxReader? {
        get { readers.first { $0.info === info } }
        set {
            guard let index = readers.firstIndex(where: { $0.info === info }) else {
                if let newValue { readers.append(newValue) }
                return
            }
            if let newValue { readers[index] = newValue } else { readers.remove(at: index) }
        }
    }
}
