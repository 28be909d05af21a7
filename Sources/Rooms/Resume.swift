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

    /// - Parameters:
    ///   - position: what the client has; nil means that it wants only what comes.
    ///   - former: what is known of former epochs.
    package init(from position: Position?, in log: MemoryLog, _ former: FormerPlaces = FormerPlaces()) {
        guard let position else {
            self.init(isRecovered: false, gap: nil, replayAfter: log.newestSeq, missed: 0)
            return
        }
        let oldest = log.oldestSeq
        if position.epoch != log.epoch {
            let unseen = log.entries(after: 0, countMax: .max, byteCountMax: .max)
                .filter { !former.wasSeen($0.seq, upTo: position) }
            let first = unseen.first?.seq ?? log.newestSeq + 1
            self.init(isRecovered: false, gap: .epochChanged, replayAfter: first - 1, missed: unseen.count)
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

    private init(isRecovered: Bool, gap: GapReason?, replayAfter: UInt64, missed: Int) {
        self.isRecovered = isRecovered
        self.gap = gap
        self.replayAfter = replayAfter
        self.missed = missed
    }
}
