import Core

/// Where the entries of a history stood in former epochs, so that somebody who comes with a former epoch's position is
/// led over, and gets nothing twice.
///
/// Bound: the history's entries; an entry that was trimmed is forgotten.
package struct FormerPlaces {
    /// The former epochs. Entries up to a fork stood at the same seqs.
    package var lineage = Lineage()
    /// Of entries that were committed again, by their present seqs.
    private var places: [UInt64: [Position]] = [:]
    /// The seqs that were held here of former epochs: of these each entry is known that came over. A position says
    /// nothing of others, as the store may have had a second history of the same epoch.
    private var held: [String: ClosedRange<UInt64>] = [:]
    /// The newest seqs that were known here of former epochs.
    private var ends: [String: UInt64] = [:]

    package init() {}

    /// An entry came. `oldestSeq` is that of the history now.
    package mutating func came(_ seq: UInt64, was: [Position], oldestSeq: UInt64) {
        guard !was.isEmpty else { return }
        if places.count >= 1024, places.count.isMultiple(of: 1024) {
            places = places.filter { $0.key >= oldestSeq }
        }
        places[seq] = was
    }

    /// Another history begins, and its entries come anew; `seqs` were held here of the one before it.
    package mutating func replaced(_ epoch: String, held seqs: ClosedRange<UInt64>?) {
        places = [:]
        held = held.filter { lineage.fork(of: $0.key) != nil }
        held[epoch] = seqs
    }

    /// Whether the entry with this present seq was committed again.
    package func isRestored(_ seq: UInt64) -> Bool { places[seq] != nil }
    /// A former epoch is known to have come so far; behind `replaced`.
    package mutating func ended(_ epoch: String, at seq: UInt64) {
        ends = ends.filter { lineage.fork(of: $0.key) != nil }
        ends[epoch] = seq
    }

    /// How far a former epoch came; nil: nothing is known of it.
    package func end(of epoch: String) -> UInt64? {
        guard let fork = lineage.fork(of: epoch) else { return ends[epoch] }
        return max(fork, ends[epoch] ?? 0)
    }

    /// Whether something is known of an epoch.
    package func knows(_ epoch: String) -> Bool { held[epoch] != nil || lineage.fork(of: epoch) != nil }

    /// Whether somebody who has seen a former epoch up to `position` has seen the entry with this present seq.
    package func wasSeen(_ seq: UInt64, upTo position: Position) -> Bool {
        if let fork = lineage.fork(of: position.epoch), seq <= min(fork, position.seq),
            held[position.epoch]?.contains(seq) != true
        {
            return true
        }
        guard !places.isEmpty, let places = places[seq] else { return false }
        return places.contains { $0.epoch == position.epoch && $0.seq <= position.seq }
    }
}
