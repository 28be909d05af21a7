import FoundationEssentials
import TestSupport
import Testing

@testable import load_test

@Suite("Pacing: an open loop's schedule")
struct PacerTests {
    @Test("events are due at equal distances, and all that are overdue come with their own times")
    func steady() {
        var pacer = Pacer(start: 1_000, perSecond: 1000)
        #expect(pacer.takeDue(at: 999) == nil)
        #expect(pacer.takeDue(at: 1_000) == 1_000)
        #expect(pacer.takeDue(at: 1_000) == nil)
        // The caller was away for three and a half milliseconds: nothing is forgotten, nothing is moved.
        var dues: [Int] = []
        while let due = pacer.takeDue(at: 3_501_000) { dues.append(due) }
        #expect(dues == [1_001_000, 2_001_000, 3_001_000])
        #expect(pacer.nextDue == 4_001_000)
    }

    @Test("a ramp gives half as many events as the full rate, more and more, then the full rate")
    func ramp() {
        var pacer = Pacer(start: 0, perSecond: 1000, rampSeconds: 2)
        var perHalfSecond = [Int](repeating: 0, count: 8)
        while let due = pacer.takeDue(at: 3_999_999_999) { perHalfSecond[due / 500_000_000] += 1 }
        #expect(perHalfSecond.prefix(4).reduce(0, +) == 1000)
        #expect(perHalfSecond.prefix(4).elementsEqual([63, 187, 313, 437]) { abs($0 - $1) <= 1 }, "\(perHalfSecond)")
        #expect(perHalfSecond.suffix(4).allSatisfy { abs($0 - 500) <= 1 })
    }

    @Test("two processes with half the rate each interleave")
    func phases() {
        let pacers = [0.0, 0.5].map { Pacer(start: 0, perSecond: 500, phase: $0) }
        var dues: [Int] = []
        for var pacer in pacers {
            while let due = pacer.takeDue(at: 999_999_999) { dues.append(due) }
        }
        dues.sort()
        #expect(dues.count >= 999)
        #expect(zip(dues, dues.dropFirst()).allSatisfy { $1 - $0 == 1_000_000 })
    }
}

@Suite("Histograms and tallies add up")
struct MergingTests {
    @Test("merged through JSON, percentiles are those of all values, not an average", arguments: UInt64(1)...5)
    func percentiles(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var all: [Int] = []
        var merged = LatencyHistogram()
        for process in 1...4 {
            var one = LatencyHistogram()
            for _ in 0..<2000 {
                // Processes differ by magnitudes: an average would be far off.
                let nanoseconds = Int(random.next() % 1_000_000) * (process * process * process)
                all.append(nanoseconds)
                one.record(nanoseconds: nanoseconds)
            }
            merged.add(try JSONDecoder().decode(LatencyHistogram.self, from: JSONEncoder().encode(one)))
        }
        all.sort()
        #expect(merged.count == all.count)
        for percentile in [50.0, 90, 99, 99.9] {
            // Between the values next to the exact rank, with three digits.
            let rank = Int(percentile / 100 * Double(all.count))
            let (low, high) = (Double(all[rank - 2]) / 1e6, Double(all[min(rank + 1, all.count - 1)]) / 1e6)
            let found = try #require(merged.milliseconds(at: percentile))
            #expect(found >= low * 0.998 - 0.002 && found <= high * 1.002 + 0.002, "p\(percentile) seed \(seed)")
        }
        #expect(merged.maxMilliseconds.map { abs($0 - Double(all[all.count - 1]) / 1e6) < 0.1 } == true)
    }

    @Test("nothing counted has no percentiles")
    func empty() {
        let histogram = LatencyHistogram()
        #expect(histogram.milliseconds(at: 50) == nil && histogram.summary.curve.isEmpty)
    }

    @Test("beyond the range counts as its end, and a negative duration as nothing")
    func range() {
        var histogram = LatencyHistogram()
        histogram.record(nanoseconds: 3_600_000_000_000)
        histogram.record(nanoseconds: -5)
        #expect(histogram.count == 2)
        #expect(histogram.maxMilliseconds.map { $0 >= 600_000 && $0 < 601_000 } == true)
    }

    @Test("a tally survives the way to the parent, and sums by key")
    func tally() throws {
        var first = LoadCounts()
        first.delivered = 3
        first.failed = ["HTTP 503": 2]
        first.closed = [1006: 1]
        first.faults.lost = 4
        var second = LoadCounts()
        second.failed = ["HTTP 503": 1, "handshake timeout": 1]
        second.closed = [1006: 2, 4102: 1]
        second.faults.lost = 1
        first.add(try JSONDecoder().decode(LoadCounts.self, from: JSONEncoder().encode(second)))
        #expect(first.failed == ["HTTP 503": 3, "handshake timeout": 1])
        #expect(first.closed == [1006: 3, 4102: 1])
        #expect(first.delivered == 3 && first.faults.lost == 5 && first.failedCount == 4)
    }

    @Test("of several marks of a room and epoch the newest holds")
    func marks() {
        let marks = RoomMark.merged([
            RoomMark(room: 1, epoch: "a", seq: 5), RoomMark(room: 1, epoch: "a", seq: 9),
            RoomMark(room: 1, epoch: "b", seq: 2), RoomMark(room: 2, epoch: "a", seq: 1),
        ])
        #expect(marks.count == 3 && marks.contains(RoomMark(room: 1, epoch: "a", seq: 9)))
    }
}
