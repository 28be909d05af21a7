import Core
import Rooms
import Testing

@Suite("How a client goes on from a position")
struct ResumePlanTests {
    /// Entries 3 to 7 of 7 are held.
    private func log() -> MemoryLog {
        let log = MemoryLog(epoch: "e", capacity: 5)
        for _ in 0..<7 { log.appendText() }
        return log
    }

    private func expect(
        _ position: Position?, in log: MemoryLog, isRecovered: Bool, gap: GapReason?, after: UInt64, missed: Int,
        location: SourceLocation = #_sourceLocation
    ) {
        let plan = ResumePlan(from: position, in: log)
        #expect(
            plan.isRecovered == isRecovered && plan.gap == gap && plan.replayAfter == after && plan.missed == missed,
            "\(plan)", sourceLocation: location)
        let followed = log.entries(after: plan.replayAfter, countMax: .max, byteCountMax: .max).count
        #expect(followed == missed, sourceLocation: location)
    }

    @Test("no position: only what comes")
    func none() { expect(nil, in: log(), isRecovered: false, gap: nil, after: 7, missed: 0) }

    @Test("at the newest: recovered, and nothing follows")
    func same() { expect(Position(epoch: "e", seq: 7), in: log(), isRecovered: true, gap: nil, after: 7, missed: 0) }

    @Test("behind: what was missed follows, down to the entry before the oldest")
    func behind() {
        expect(Position(epoch: "e", seq: 6), in: log(), isRecovered: true, gap: nil, after: 6, missed: 1)
        expect(Position(epoch: "e", seq: 2), in: log(), isRecovered: true, gap: nil, after: 2, missed: 5)
    }

    @Test("trimmed: a gap, then all that is held")
    func trimmed() {
        for seq in [0, 1] as [UInt64] {
            expect(Position(epoch: "e", seq: seq), in: log(), isRecovered: false, gap: .trimmed, after: 2, missed: 5)
        }
    }

    @Test("ahead: nothing is replayed")
    func ahead() {
        for seq in [8, .max] as [UInt64] {
            expect(Position(epoch: "e", seq: seq), in: log(), isRecovered: false, gap: .ahead, after: 7, missed: 0)
        }
    }

    @Test("another epoch: a gap, then all that is held, whatever the seq")
    func epoch() {
        for seq in [0, 5, 7, .max] as [UInt64] {
            expect(
                Position(epoch: "f", seq: seq), in: log(), isRecovered: false, gap: .epochChanged, after: 2, missed: 5)
        }
    }

    /// Of 20 messages 5, 6, 10 and 15 are held, 3 was trimmed, and the others were not stored.
    private func sampledLog() -> MemoryLog {
        let log = MemoryLog(epoch: "e", capacity: 4)
        for seq in [3, 5, 6, 10, 15] as [UInt64] {
            log.passUnstored(upTo: seq - 1)
            log.appendText()
        }
        log.passUnstored(upTo: 20)
        return log
    }

    @Test("holes of what was not stored: what is held follows, and nothing is recovered over a hole")
    func holes() {
        let log = sampledLog()
        func expect(_ seq: UInt64, isRecovered: Bool, gap: GapReason? = nil, after: UInt64, missed: Int) {
            self.expect(
                Position(epoch: "e", seq: seq), in: log, isRecovered: isRecovered, gap: gap, after: after,
                missed: missed)
        }
        expect(2, isRecovered: false, gap: .trimmed, after: 4, missed: 4)
        expect(3, isRecovered: false, after: 3, missed: 4)
        expect(4, isRecovered: false, after: 4, missed: 4)
        expect(12, isRecovered: false, after: 12, missed: 1)
        expect(15, isRecovered: false, after: 15, missed: 0)
        expect(19, isRecovered: false, after: 19, missed: 0)
        expect(20, isRecovered: true, after: 20, missed: 0)
        expect(21, isRecovered: false, gap: .ahead, after: 20, missed: 0)
        self.expect(
            Position(epoch: "f", seq: 20), in: log, isRecovered: false, gap: .epochChanged, after: 4, missed: 4)
    }

    @Test("a log without entries, new and expired")
    func empty() {
        let new = MemoryLog(epoch: "e", capacity: 5)
        expect(nil, in: new, isRecovered: false, gap: nil, after: 0, missed: 0)
        expect(Position(epoch: "e", seq: 0), in: new, isRecovered: true, gap: nil, after: 0, missed: 0)
        expect(Position(epoch: "e", seq: 1), in: new, isRecovered: false, gap: .ahead, after: 0, missed: 0)
        expect(Position(epoch: "f", seq: 1), in: new, isRecovered: false, gap: .epochChanged, after: 0, missed: 0)
        let expired = log()
        expired.expire(before: .max)
        expect(Position(epoch: "e", seq: 7), in: expired, isRecovered: true, gap: nil, after: 7, missed: 0)
        expect(Position(epoch: "e", seq: 6), in: expired, isRecovered: false, gap: .trimmed, after: 7, missed: 0)
    }

    /// Seqs 1 to 7, of which 2, 3 and 5 stood at 1 to 3 in the epoch before.
    private func ledLog() -> (MemoryLog, FormerPlaces) {
        let log = MemoryLog(epoch: "e", capacity: 10)
        var former = FormerPlaces()
        for _ in 0..<7 { log.appendText() }
        for (index, seq) in ([2, 3, 5] as [UInt64]).enumerated() {
            former.came(seq, was: [Position(epoch: "d", seq: UInt64(index + 1))], oldestSeq: 1)
        }
        return (log, former)
    }

    @Test("Of another epoch: one step over all that was seen; what is new among it is shown before")
    func led() {
        let (log, former) = ledLog()
        let expected: [(seq: UInt64, shown: [UInt64], after: UInt64)] = [
            (0, [], 0), (1, [1], 2), (2, [1], 3), (3, [1, 4], 5), (9, [1, 4], 5),
        ]
        for (seq, shown, after) in expected {
            let plan = ResumePlan(from: Position(epoch: "d", seq: seq), in: log, former)
            #expect(plan.shown == shown && plan.replayAfter == after && plan.gap == .epochChanged, "\(seq): \(plan)")
            #expect(plan.missed == Int(7 - after), "\(seq): \(plan)")
        }
    }

    @Test("What is shown before is bounded: with more, each entry comes in its place")
    func ledFar() {
        let (log, former) = ledLog()
        let plan = ResumePlan(from: Position(epoch: "d", seq: 3), in: log, former, shownBytesMax: 1)
        #expect(plan.shown == [] && plan.replayAfter == 0 && plan.missed == 4)
    }
}
