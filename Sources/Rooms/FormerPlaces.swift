import Core

/// Where the entries of a history stood in former epochs, so that somebody who comes with a former epoch's position is
/// led over, and gets nothing twice.
///
/// Bound: the history's entries, `epochsMax` places each; an entry that was trimmed is forgotten.
package struct FormerPlaces {
    /// Former epochs of which something is remembered, and places of one entry: the last ones.
    package static let epochsMax = 16

    /// The former epochs. Entries up to a fork stood at the same seqs.
    package var lineage = Lineage()
    /// Of entries that were committed again, by their present seqs.
    private var places: [UInt64: [Position]] = [:]
    /// Of these places those of a second history: another entry was held here at that place of the same epoch.
    private var otherPlaces: [UInt64: [Position]] = [:]
    /// The seqs that were held here of former epochs: of these each entry is known that came over. A position says
    /// nothing of others, as the store may have had a second history of the same epoch. By the epochs' own names.
    private var held: [String: ClosedRange<UInt64>] = [:]
    /// The newest seqs that were known here of former epochs.
    private var ends: [String: UInt64] = [:]
    /// Those epochs, the newest one last.
    private var heldEpochs: [String] = []
    /// Former epochs of which the other nodes have said all that they know.
    private var settled: Set<String> = []

    /// Whether the name of an epoch that is not known here says what was seen before it.
    private var readsNames: Bool

    /// - Parameter readsNames: who follows an epoch has seen what was before it, or was notified of a gap: of a room's
    ///   members that is so, and not of devices, which process an inbox entry by entry.
    package init(readsNames: Bool = false) { self.readsNames = readsNames }

    /// An entry came.
    /// - Parameters:
    ///   - held: at which of these places it was held here; nil: nothing is said of that.
    ///   - oldestSeq: of the history now.
    package mutating func came(_ seq: UInt64, was: [Position], held: [Position]? = nil, oldestSeq: UInt64) {
        guard !was.isEmpty else { return }
        if places.count >= 1024, places.count.isMultiple(of: 1024) {
            places = places.filter { $0.key >= oldestSeq }
            otherPlaces = otherPlaces.filter { $0.key >= oldestSeq }
        }
        places[seq] = Self.merged(places[seq] ?? [], was)
        guard let held else { return }
        let others = was.filter { self.held[Self.own($0.epoch)]?.contains($0.seq) == true && !held.contains($0) }
        if !others.isEmpty { otherPlaces[seq] = others }
    }

    /// The same for somebody whose position is of what this node itself followed, not of a second history of its epoch.
    package var ofThisNode: FormerPlaces {
        var own = self
        own.readsNames = false
        for (seq, others) in otherPlaces { own.places[seq]?.removeAll { others.contains($0) } }
        return own
    }

    /// Places of one entry, each once; the last ones, when there are too many.
    package static func merged(_ places: [Position], _ others: [Position]) -> [Position] {
        var all = places
        for place in others where !all.contains(place) { all.append(place) }
        return all.suffix(epochsMax)
    }

    /// Another history begins, and its entries come anew; `seqs` were held here of the one before it.
    package mutating func replaced(_ epoch: String, held seqs: ClosedRange<UInt64>?) {
        (places, otherPlaces, settled) = ([:], [:], [])
        let own = Self.own(epoch)
        held[own] = seqs
        heldEpochs = heldEpochs.filter { $0 != own } + [own]
        if heldEpochs.count > Self.epochsMax { held[heldEpochs.removeFirst()] = nil }
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

    private static func own(_ epoch: String) -> String { String(EpochName.own(epoch)) }

    /// Whether something is known of an epoch.
    package func knows(_ epoch: String) -> Bool { held[Self.own(epoch)] != nil || lineage.fork(of: epoch) != nil }

    /// Whether this node needs to ask nobody what somebody has seen who has seen a former epoch up to `position`.
    package func covers(_ position: Position) -> Bool {
        held[Self.own(position.epoch)].map { $0.upperBound >= position.seq } ?? false
            || settled.contains(position.epoch)
    }

    /// Whether somebody who comes with a position has seen the entry with this present seq in a former epoch.
    /// - Parameter isLed: this node led them there, and not to that place in a second history of the epoch: it knows
    ///   each position that they had, so their epoch's name says nothing more.
    package func wasSeen(_ seq: UInt64, by passed: PassedPlaces, isLed: Bool = false) -> Bool {
        let others = isLed && !otherPlaces.isEmpty ? otherPlaces[seq] ?? [] : []
        let former = places.isEmpty ? [] : places[seq] ?? []
        return passed.places.prefix(readsNames && !isLed ? .max : 1).contains { own, last in
            if seq <= last, let fork = lineage.fork(ofOwn: own), seq <= fork, held[String(own)]?.contains(seq) != true {
                return true
            }
            return former.contains { $0.seq <= last && EpochName.isOwn($0.epoch, own) && !others.contains($0) }
        }
    }

    /// The same for one entry.
    package func wasSeen(_ seq: UInt64, upTo position: Position, isLed: Bool = false) -> Bool {
        wasSeen(seq, by: PassedPlaces(position), isLed: isLed)
    }

    /// Where an entry stood in former epochs, as far as that is known.
    package func places(of seq: UInt64) -> [Position] { places.isEmpty ? [] : places[seq] ?? [] }

    // MARK: What nodes know of each other's epochs

    /// Where the entries of a former epoch stand now, as far as that is known here.
    package func map(of epoch: String) -> FormerMap {
        var map = FormerMap()
        for seq in places.keys.sorted() {
            for place in places[seq] ?? [] where place.epoch == epoch { map.append(place.seq, at: seq) }
        }
        return map
    }

    /// Another node knows where entries of a former epoch stand now. `oldestSeq` is that of the history.
    package mutating func learned(_ map: FormerMap, of epoch: String, oldestSeq: UInt64) {
        map.withEach { former, seq in
            if seq >= oldestSeq { came(seq, was: [Position(epoch: epoch, seq: former)], oldestSeq: oldestSeq) }
        }
    }

    /// All is known here of a former epoch that can be had. Bound: `settledMax`; beyond that the others are forgotten.
    package mutating func settle(_ epoch: String) {
        if settled.count >= Self.settledMax { settled = [] }
        settled.insert(epoch)
    }

    /// Others may be able to say more of a former epoch.
    package mutating func unsettle(_ epoch: String) { settled.remove(epoch) }

    private static let settledMax = 64
}
