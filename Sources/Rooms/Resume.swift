import Core

/// Why what lies between a client's position and the next entry can't be replayed.
package enum GapReason: String, Sendable {
    case trimmed
    case epochChanged = "epoch_changed"
    case ahead
    case notStored = "not_stored"
}

/// How a client goes on from a position in a history.
package struct ResumePlan: Equatable, Sendable {
    /// Everything since the position follows, also when that is nothing, and without a hole.
    package let isRecovered: Bool
    /// Said before the replay; holes within it are said where they are.
    package let gap: GapReason?
    /// Replay begins behind this seq.
    package let replayAfter: UInt64
    /// Entries that follow at once.
    package let missed: Int
    /// Entries that the client has not seen, though it has seen later ones in a former epoch, by seq: it is shown them
    /// without their places before the gap, and they are confirmed behind it. So its position says at any time what it
    /// has seen.
    package let shown: [UInt64]

    /// - Parameters:
    ///   - position: what the client has; nil means that it wants only what comes.
    ///   - former: what is known of former epochs.
    ///   - shownBytesMax: bytes of what may be shown without a place. With more, each entry comes in its place, and a
    ///     client that goes meanwhile may get some of it again.
    package init(
        from position: Position?, in log: MemoryLog, _ former: FormerPlaces = FormerPlaces(),
        shownBytesMax: Int = .max
    ) {
        guard let position else {
            self.init(isRecovered: false, gap: nil, replayAfter: log.newestSeq, missed: 0)
            return
        }
        let oldest = log.oldestSeq
        if position.epoch != log.epoch {
            let entries = log.entries(after: 0, countMax: .max, byteCountMax: .max)
            let passed = PassedPlaces(position)
            var (unseen, lastSeen) = (ArraySlice<LogEntry>(), UInt64(0))
            for entry in entries {
                if former.wasSeen(entry.seq, by: passed) { lastSeen = entry.seq } else { unseen.append(entry) }
            }
            var shown = unseen.prefix { $0.seq < lastSeen }
            if shown.reduce(0, { $0 + $1.frame.length }) > shownBytesMax { shown = [] }
            unseen = unseen.dropFirst(shown.count)
            self.init(
                isRecovered: false, gap: .epochChanged, replayAfter: (unseen.first?.seq ?? log.newestSeq + 1) - 1,
                missed: unseen.count, shown: shown.map(\.seq))
        } else if position.seq > log.newestSeq {
            self.init(isRecovered: false, gap: .ahead, replayAfter: log.newestSeq, missed: 0)
        } else if position.seq + 1 < oldest {
            // All that is held follows, at once behind a gap.
            let first = log.firstSeq(after: 0) ?? log.newestSeq + 1
            self.init(isRecovered: false, gap: .trimmed, replayAfter: first - 1, missed: log.count)
        } else {
            let missed = log.count(after: position.seq)
            self.init(
                isRecovered: log.newestSeq - position.seq == UInt64(missed), gap: nil, replayAfter: position.seq,
                missed: missed)
        }
    }

    private init(isRecovered: Bool, gap: GapReason?, replayAfter: UInt64, missed: Int, shown: [UInt64] = []) {
        self.isRecovered = isRecovered
        self.gap = gap
        self.replayAfter = replayAfter
        self.missed = missed
        self.shown = shown
    }
}
