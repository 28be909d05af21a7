import Foundations
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
}
