import TestSupport
import Testing

@testable import load_test

/// A member that checks a stream: the checker and the holes, put together as a connection does.
private struct Member {
    var checker = SequenceChecker()
    var missing = MissingSeqs()
    var faults = SequenceFaults()

    mutating func take(_ seqs: [UInt64]) {
        for seq in seqs {
            switch checker.saw(seq) {
            case .inOrder: break
            case .hole(let hole): missing.add(hole, of: 7)
            case .old:
                if missing.fill(seq, of: 7) { faults.misordered += 1 } else { faults.duplicated += 1 }
            }
        }
        faults.lost = missing.count
    }
}

@Suite("The checker of a connection's seqs")
struct CheckerTests {
    @Test("a stream in order from any start has no faults")
    func clean() {
        var member = Member()
        member.checker.start(behind: 41)
        member.take(Array(42...5000))
        #expect(member.faults.isEmpty)
        #expect(member.checker.last == 5000)
    }

    @Test("seeded random losses, duplicates and swaps are all counted", arguments: UInt64(1)...50)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var stream: [UInt64] = []
        var expected = SequenceFaults()
        var seq: UInt64 = 0
        while seq < 3000 {
            switch random.next() % 20 {
            // The last one is never lost: nobody could know of it here.
            case 0 where seq < 2990:
                let length = random.next() % 4 + 1
                expected.lost += Int(length)
                seq += length
            case 1:
                stream += [seq + 1, seq + 1]
                expected.duplicated += 1
                seq += 1
            case 2:
                stream += [seq + 2, seq + 1]
                expected.misordered += 1
                seq += 2
            default:
                stream.append(seq + 1)
                seq += 1
            }
        }
        if stream.last != seq { stream.append(seq + 1) }
        var member = Member()
        member.take(stream)
        #expect(member.faults == expected, "seed \(seed)")
    }

    @Test("a hole that is filled late, piece by piece, is no loss")
    func lateFill() {
        var member = Member()
        member.take([1, 2, 8, 5, 3, 7, 4])
        #expect(member.faults == SequenceFaults(lost: 1, duplicated: 0, misordered: 4))
        member.take([6, 9])
        #expect(member.faults == SequenceFaults(lost: 0, duplicated: 0, misordered: 5))
        member.take([6])
        #expect(member.faults.duplicated == 1)
    }

    @Test("holes beyond the bound count as lost for good")
    func bound() {
        var missing = MissingSeqs(rangesMax: 2)
        missing.add(1...2, of: 1)
        missing.add(4...4, of: 1)
        missing.add(6...10, of: 2)
        #expect(missing.count == 8)
        let wasFilled = missing.fill(7, of: 2)
        #expect(!wasFilled)
        let wasFilledEarly = missing.fill(4, of: 1)
        #expect(wasFilledEarly && missing.count == 7)
        missing.add(20...20, of: 2)
        let isTaken = missing.fill(20, of: 2)
        #expect(isTaken)
    }
}

@Suite("What a room has at a place is the same for all")
struct RoomLedgerTests {
    @Test("members agree, in whatever order they come")
    func agreement() {
        var ledger = RoomLedger()
        for seq in UInt64(1)...3000 {
            #expect(ledger.saw(seq, sender: UInt32(seq % 3), counter: UInt32(seq)) == .good)
            #expect(ledger.saw(seq, sender: UInt32(seq % 3), counter: UInt32(seq)) == .good)
            // A slower member, still within the ring.
            if seq > 10 {
                #expect(ledger.saw(seq - 9, sender: UInt32((seq - 9) % 3), counter: UInt32(seq - 9)) == .good)
            }
        }
    }

    @Test("another content at a place is corruption")
    func corruption() {
        var ledger = RoomLedger()
        #expect(ledger.saw(5, sender: 1, counter: 1) == .good)
        #expect(ledger.saw(5, sender: 1, counter: 2) == .corrupted)
        #expect(ledger.saw(5, sender: 2, counter: 1) == .corrupted)
        #expect(ledger.saw(5, sender: 1, counter: 1) == .good)
    }

    @Test("one message at two places is a duplicate, an older one behind a newer one is disorder, for each member")
    func counters() {
        var ledger = RoomLedger()
        #expect(ledger.saw(1, sender: 1, counter: 4) == .good)
        #expect(ledger.saw(2, sender: 1, counter: 4) == .duplicated)
        #expect(ledger.saw(2, sender: 1, counter: 4) == .duplicated)
        #expect(ledger.saw(3, sender: 1, counter: 3) == .misordered)
        // Refused messages leave holes in the counters.
        #expect(ledger.saw(4, sender: 1, counter: 9) == .good)
        // First sight in the wrong order, in the right places.
        #expect(ledger.saw(7, sender: 1, counter: 12) == .good)
        #expect(ledger.saw(6, sender: 1, counter: 11) == .good)
    }
}
