import Foundations

/// Why what lies between a client's position and the next entry can't be replayed.
package enum GapReason: String, Sendable {
    case trimmed
    case epochChanged = "epoch_changed"
    case ahead
}

/// How a client goes on from a position in a history.
package struct ResumePlan: Equatable, Sendable {
    /// Everything since the position follows, also when that is nothing.
    package let isRecovered: Bool
    package let gap: GapReason?
    /// Replay begins behind this seq.
    package let replayAfter: UInt64
    /// Entries that follow at once.
    package let missed: Int

    /// - Parameter position: what the client has; nil means that it wants only what comes.
    package init(from position: Position?, in log: MemoryLog) {
        guard let position else {
            self.init(isRecovered: false, gap: nil, replayAfter: log.newestSeq, missed: 0)
            return
        }
        let oldest = log.oldestSeq
        if position.epoch != log.epoch {
            self.init(from: oldest - 1, gap: .epochChanged, in: log)
        } else if position.seq > log.newestSeq {
            self.init(isRecovered: false, gap: .ahead, replayAfter: log.newestSeq, missed: 0)
        } else if position.seq + 1 < oldest {
            self.init(from: oldest - 1, gap: .trimmed, in: log)
        } else {
            self.init(from: position.seq, gap: nil, in: log)
        }
    }

    private init(from seq: UInt64, gap: GapReason?, in log: MemoryLog) {
        self.init(
            isRecovered: gap == nil, gap: gap, replayAfter: seq, missed: Int(log.newestSeq - seq))
    }

    private init(isRecovered: Bool, gap: GapReason?, replayAfter: UInt64, missed: Int) {
        self.isRecovered = isRecovered
        self.gap = gap
        self.replayAfter = replayAfter
        self.missed = missed
    }
}
