import Core
import Testing

@testable import Rooms

struct LogProgressTests {
    private func progress(at seq: UInt64) -> LogProgress {
        var progress = LogProgress()
        let place = ReplicaLog.Place(epoch: "e", newestSeq: seq, unstoredFrom: nil)
        _ = progress.opened(place, after: 0, stored: seq + 1)
        return progress
    }

    @Test("An entry is known, next, early or foreign, and early ones have their turn")
    func hears() {
        var progress = progress(at: 3)
        #expect(progress.position == Position(epoch: "e", seq: 3))
        #expect(progress.heard(sampleEntry(3), of: "e") == .known)
        #expect(progress.heard(sampleEntry(4), of: "e") == .next)
        #expect(progress.heard(sampleEntry(5), of: "e") == .early)
        #expect(progress.heard(sampleEntry(1), of: "f") == .foreign)
        #expect(progress.early.count == 2 && progress.takeNext() == nil)
        progress.appended(sampleEntry(4))
        #expect(progress.takeNext()?.seq == 5)
        _ = progress.opened(ReplicaLog.Place(epoch: "f", newestSeq: 1, unstoredFrom: nil), after: 0, stored: 1)
        #expect(progress.takeNext()?.seq == 1)
    }

    @Test("Where the entry before a range is stored, what lacks behind it was lost and not trimmed")
    func loses() {
        for hasOlder in [false, true] {
            var progress = progress(at: 3)
            let place = ReplicaLog.Place(epoch: "e", newestSeq: 6, unstoredFrom: nil)
            let opened = progress.opened(place, after: 3, stored: 6, hasOlder: hasOlder)
            #expect(opened.skippedTo == (hasOlder ? nil : 5))
            var batch = ReplicaLog.Batch([sampleEntry(6)])
            guard hasOlder else { continue }
            guard case .lost? = progress.take(&batch), progress.newestSeq == 5 else {
                Issue.record("4 and 5 were not lost")
                return
            }
        }
    }

    @Test("What came early before an interruption counts no more")
    func forgets() {
        var progress = progress(at: 3)
        #expect(progress.heard(sampleEntry(5), of: "e") == .early)
        progress.forgetEarly()
        progress.appended(sampleEntry(4))
        #expect(progress.takeNext() == nil)
    }

    @Test("A range skips what the store has not, and passes what is not stored only behind a fence")
    func takes() {
        var progress = progress(at: 0)
        var batch = ReplicaLog.Batch([sampleEntry(3), ReplicaLog.Entry(seq: 6, body: [1], unstoredFrom: 5)])
        guard case .skipped? = progress.take(&batch), progress.newestSeq == 2,
            case .entry(let entry)? = progress.take(&batch), entry.seq == 3
        else {
            Issue.record("entries before 3 were not skipped")
            return
        }
        progress.appended(sampleEntry(3))
        // Behind an entry that is stored nothing was trimmed.
        guard case .lost? = progress.take(&batch), progress.newestSeq == 4,
            case .needsFence? = progress.take(&batch)
        else {
            Issue.record("5 was passed without a fence, or 4 was trimmed")
            return
        }
        batch.isFenced = true
        guard case .passed? = progress.take(&batch), progress.newestSeq == 5,
            case .entry(let last)? = progress.take(&batch), last.seq == 6
        else {
            Issue.record("5 was not passed")
            return
        }
        progress.appended(sampleEntry(6))
        let end = progress.take(&batch)
        #expect(end.map { _ in true } == nil)
    }
}

struct ProofsTests {
    @Test("A question proves itself and those before it")
    func proves() {
        var proofs = Proofs()
        let next = proofs.next
        #expect(!proofs.isProven(next))
        #expect(proofs.ask() == next && proofs.next == next + 1)
        let later = proofs.ask()
        proofs.prove(later)
        proofs.prove(next)
        #expect(proofs.isProven(next) && proofs.isProven(later) && !proofs.isProven(proofs.next))
    }

    @Test("A look has its whole answer once all that it found is here; one that is refused has none")
    func looks() {
        var looks = Looks()
        looks.began(1)
        #expect(looks.isUnderWay && looks.reached(9) == nil)
        looks.found(5)
        #expect(!looks.isUnderWay && looks.foundSeq == 5)
        #expect(looks.reached(4) == nil && looks.reached(5) == 1 && looks.reached(5) == nil)
        looks.began(2)
        looks.refused()
        #expect(!looks.isUnderWay && looks.reached(9) == nil)
    }
}
