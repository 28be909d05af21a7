import Core

/// How far a replica has come in its log, and the entries that came before their turn.
///
/// Bound: that of `EarlyEntries`.
package struct LogProgress {
    /// The newest entry that is here; the epoch is empty before the log was opened for the first time.
    package private(set) var epoch = ""
    package private(set) var newestSeq: UInt64 = 0
    /// The last entry that came, if it named the commit that wrote it.
    private var newestCommit: (seq: UInt64, name: String)?
    /// The former epochs, as the store last said.
    package internal(set) var lineage = Lineage()
    package private(set) var early = EarlyEntries()
    /// The store has entries up to `newestSeq`, so that a hole behind it is none that trimming left.
    private var hasOlder = false

    package init() {}

    package var position: Position { Position(epoch: epoch, seq: newestSeq) }

    /// Whether a position is one of what is here, or of a former epoch that leads to it.
    package func knows(_ position: Position) -> Bool {
        position.epoch == epoch ? position.seq <= newestSeq : lineage.fork(of: position.epoch) != nil
    }

    // MARK: Entries

    package enum Heard: Sendable {
        /// It was here before.
        case known
        case next
        /// Others come before it; it is kept.
        case early
        /// It is of another history; it is kept.
        case foreign
    }

    /// An entry was heard of. One that is next must be appended now, then `appended` follows.
    package mutating func heard(_ entry: ReplicaLog.Entry, of entryEpoch: String) -> Heard {
        if entryEpoch == epoch {
            if entry.seq <= newestSeq { return .known }
            if entry.seq == newestSeq + 1 { return .next }
        }
        keep(entry, of: entryEpoch)
        return entryEpoch == epoch ? .early : .foreign
    }

    /// Keeps an entry until its turn.
    package mutating func keep(_ entry: ReplicaLog.Entry, of epoch: String) { early.keep(entry, of: epoch) }

    /// Takes out the next entry, if it came early.
    package mutating func takeNext() -> ReplicaLog.Entry? { early.take(epoch, newestSeq + 1) }

    /// An entry is here now.
    package mutating func appended(_ entry: ReplicaLog.Entry) {
        newestSeq = entry.seq
        newestCommit = entry.commit.map { (entry.seq, $0) }
        _ = early.take(epoch, entry.seq)
    }

    /// The name of the commit that wrote the newest entry, if it has that seq and the name is known.
    package func commit(at seq: UInt64) -> String? { newestCommit.flatMap { $0.seq == seq ? $0.name : nil } }

    /// Publications may have been missed, or the store may be another one by now: what came early counts no more.
    package mutating func forgetEarly() { early = EarlyEntries() }

    // MARK: Ranges

    /// One step through the entries that were read.
    package enum Step: Sendable {
        /// It is next, and must be appended now.
        case entry(ReplicaLog.Entry)
        /// Entries up to `newestSeq` are in the store no longer, and no older ones.
        case skipped
        /// Entries up to `newestSeq` were lost: the store has older ones, and the next.
        case lost
        /// Entries up to `newestSeq` were not stored, and what was published of them was missed.
        case passed
        /// Entries may be on their way that are not stored: a fence must show that they are not.
        case needsFence
        /// More must be read behind `newestSeq`.
        case readsOn
    }

    /// Takes the next of the entries that were read, and what it says of those before it; nil at the end.
    package mutating func take(_ batch: inout ReplicaLog.Batch) -> Step? {
        while let entry = batch.rest.first {
            // What the store has no longer, or never had.
            let stored = entry.unstoredFrom ?? entry.seq
            if skip(to: min(max(stored, 1), entry.seq) - 1) { return hasOlder ? .lost : .skipped }
            // What was not stored was published, and may be on its way.
            if entry.seq > newestSeq + 1 { return pass(upTo: entry.seq - 1, batch) }
            batch.rest = batch.rest.dropFirst()
            if entry.body.isEmpty, skip(to: entry.seq) { return hasOlder ? .lost : .skipped }
            hasOlder = true
            if entry.seq > newestSeq { return .entry(entry) }
        }
        return nil
    }

    /// A range was taken: what of the log is still missing? nil: nothing that was there when it was opened.
    package mutating func missing(behind batch: ReplicaLog.Batch, of place: ReplicaLog.Place) -> Step? {
        guard newestSeq < place.newestSeq else { return nil }
        if let unstored = place.unstoredFrom, unstored <= newestSeq + 1 { return pass(upTo: place.newestSeq, batch) }
        return batch.isEmpty ? nil : .readsOn
    }

    /// The entries that were read of a hole are taken: what is still missing of it?
    package func missingOfHole(behind batch: ReplicaLog.Batch) -> Step? {
        guard !batch.isEmpty, let next = early.firstSeq(of: epoch), next > newestSeq else { return nil }
        return .readsOn
    }

    /// Entries up to `seq` are no longer in the store, and can't come any more; whether something was skipped by that.
    private mutating func skip(to seq: UInt64) -> Bool {
        guard seq > newestSeq else { return false }
        newestSeq = seq
        early.forget(epoch, upTo: seq)
        return true
    }

    /// Behind a fence, gives up the messages up to `limit` that have not come, as far as the next one that came early.
    private mutating func pass(upTo limit: UInt64, _ batch: ReplicaLog.Batch) -> Step {
        guard batch.isFenced else { return .needsFence }
        early.forget(epoch, upTo: newestSeq)
        let next = early.firstSeq(of: epoch) ?? .max
        newestSeq = min(next - 1, limit)
        return .passed
    }

    // MARK: Histories

    /// The first range behind `after` was read: the history has a beginning now.
    /// - Parameters:
    ///   - stored: the seq of the first entry of which the store says something; nil: there is none.
    ///   - hasOlder: the store has the entry at `after`.
    package mutating func opened(
        _ place: ReplicaLog.Place, after: UInt64, stored: UInt64?, hasOlder: Bool = false
    ) -> ReplicaLog.Opened {
        self.hasOlder = hasOlder
        let oldest = stored ?? place.unstoredFrom ?? max(place.newestSeq, after) + 1
        let oldestBefore = max(oldest, 1) - 1
        early.forget(allBut: place.epoch)
        lineage = place.lineage
        guard place.epoch != epoch else {
            let isSkipped = !hasOlder && skip(to: oldestBefore)
            return ReplicaLog.Opened(
                epoch: epoch, isNew: false, oldestBefore: oldestBefore, skippedTo: isSkipped ? newestSeq : nil)
        }
        epoch = place.epoch
        newestSeq = oldestBefore
        newestCommit = nil
        return ReplicaLog.Opened(epoch: epoch, isNew: true, oldestBefore: oldestBefore, skippedTo: nil)
    }
}
