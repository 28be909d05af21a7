import Core

/// Entries that were heard of before those that come before them, or of a history that is not followed yet.
///
/// Bound: `countMax`; what comes beyond is dropped, and read again with the hole.
package struct EarlyEntries {
    package static let countMax = 1024

    private var entries: [Position: ReplicaLog.Entry] = [:]

    package init() {}

    package var count: Int { entries.count }

    package mutating func keep(_ entry: ReplicaLog.Entry, of epoch: String) {
        if entries.count < Self.countMax { entries[Position(epoch: epoch, seq: entry.seq)] = entry }
    }

    /// Takes the entry of that place out, if it is here.
    package mutating func take(_ epoch: String, _ seq: UInt64) -> ReplicaLog.Entry? {
        entries.isEmpty ? nil : entries.removeValue(forKey: Position(epoch: epoch, seq: seq))
    }

    /// The seq of the first entry of a history.
    package func firstSeq(of epoch: String) -> UInt64? {
        entries.isEmpty ? nil : entries.keys.lazy.filter { $0.epoch == epoch }.map(\.seq).min()
    }

    /// Entries of a history up to `seq` are no longer waited for.
    package mutating func forget(_ epoch: String, upTo seq: UInt64) {
        guard !entries.isEmpty else { return }
        entries = entries.filter { $0.key.epoch != epoch || $0.key.seq > seq }
    }

    /// A history is followed from now on: those of others go.
    package mutating func forget(allBut epoch: String) {
        guard !entries.isEmpty else { return }
        entries = entries.filter { $0.key.epoch == epoch }
    }
}
