import Core
import Testing

@testable import Rooms

@Suite("A replica of a log that nodes share")
struct ReplicaLogTests {
    private let limits = ReplicaLog.Limits(dedupeMilliseconds: 10_000, keptMilliseconds: 40_000)

    private func place(_ epoch: String, _ seq: UInt64, unstoredFrom: UInt64? = nil) -> ReplicaLog.Place {
        ReplicaLog.Place(epoch: epoch, newestSeq: seq, unstoredFrom: unstoredFrom)
    }

    // MARK: Opening

    @Test("An opening asks for the place, reads, gives out what it read in order, and then follows")
    func opening() throws {
        var log = ReplicaLog(name: "n", limits: limits, isStoreAway: false)
        #expect(log.standing == .behind && !log.mayLetIn)
        let asked = try log.asked()
        guard case .read(let ticket, after: 0) = log.placeAnswered(place("e1", 4), for: asked) else {
            Issue.record("nothing was read")
            return
        }
        let range = [sampleEntry(2), sampleEntry(3), sampleEntry(4)]
        guard case .opened(let opened) = log.rangeRead(range, of: "e1", for: ticket, seen: { [] }) else {
            Issue.record("it was not opened")
            return
        }
        #expect(opened == .init(epoch: "e1", isNew: true, oldestBefore: 1, skippedTo: nil))
        #expect(log.standing == .behind)
        #expect(log.drain() == ["committed 2", "committed 3", "committed 4", "caught up"])
        #expect(log.standing == .inStep && log.isQuiet && log.epoch == "e1" && log.newestSeq == 4)
    }

    @Test("A range is read on until all is here that was there when the log was opened")
    func readingOn() throws {
        var log = ReplicaLog(name: "n", limits: limits, isStoreAway: false)
        guard case .read(let first, _) = log.placeAnswered(place("e1", 3), for: try log.asked()) else {
            return
        }
        _ = log.rangeRead([sampleEntry(1)], of: "e1", for: first) { [] }
        let next = log.advanced()
        #expect(next.text == "committed 1")
        guard case .read(let ticket, after: 1) = log.advanced() else {
            Issue.record("it was not read on")
            return
        }
        #expect(log.standing == .behind)
        guard case .taken = log.rangeRead([sampleEntry(2), sampleEntry(3)], of: "e1", for: ticket, seen: { [] }) else {
            Issue.record("the range was refused")
            return
        }
        #expect(log.drain() == ["committed 2", "committed 3", "caught up"])
    }

    @Test("A known history goes on behind the newest entry, and what the store has no longer is skipped")
    func goingOn() throws {
        var log = ReplicaLog.following(entries: 3)
        let asked = try log.asked()
        guard case .read(let ticket, after: 3) = log.placeAnswered(place("e1", 9), for: asked) else {
            Issue.record("it was not read from where it stands")
            return
        }
        guard case .opened(let opened) = log.rangeRead([sampleEntry(9)], of: "e1", for: ticket, seen: { [] }) else {
            return
        }
        #expect(opened == .init(epoch: "e1", isNew: false, oldestBefore: 8, skippedTo: 8))
        #expect(log.drain() == ["committed 9", "caught up"])
    }

    @Test("While a log that was followed is opened again, what is next is taken; behind an absence it waits")
    func liveOpening() throws {
        var log = ReplicaLog.following(entries: 3)
        _ = log.subscribed()
        #expect(log.entryHeard(sampleEntry(4), of: "e1").text == "committed 4")
        _ = log.storeReturned()
        #expect(log.entryHeard(sampleEntry(5), of: "e1").text == "nothing" && log.newestSeq == 4)
        let asked = try log.askedOnReturn()
        log.finish(asked, place("e1", 5))
        #expect(log.newestSeq == 5)
    }

    @Test("A history that was deleted is not led over")
    func deletion() throws {
        var log = ReplicaLog.following()
        let asked = try log.asked()
        guard case .askDeleted(let ticket) = log.placeAnswered(place("e2", 0), for: asked) else {
            Issue.record("nothing was asked")
            return
        }
        guard case .deleted = log.deletedAnswered(true, for: ticket) else {
            Issue.record("it was not deleted")
            return
        }
        #expect(log.standing == .behind && log.epoch == "e1")
    }

    @Test("A lost history is restored in its order, and who comes waits until all of it is back")
    func fork() throws {
        var log = ReplicaLog.following(entries: 2)
        let seen = [SeenEntry(seq: 1, body: sampleBody("i1")), SeenEntry(seq: 2, body: sampleBody("i2"))]
        guard case .askDeleted(let asked) = log.placeAnswered(place("e2", 2), for: try log.asked()),
            case .read(let range, after: 0) = log.deletedAnswered(false, for: asked)
        else {
            Issue.record("it did not ask")
            return
        }
        _ = log.rangeRead([], of: "e2", for: range) { seen }
        guard case .caughtUp = log.advanced(), case .restore(let ticket, let lost) = log.advanced() else {
            Issue.record("it did not catch up")
            return
        }
        let bodies = lost.map(\.body)
        #expect(bodies == seen.map(\.body) && log.standing == .behind && !log.isQuiet)
        #expect(lost.map(\.was) == [[Position(epoch: "e1", seq: 1)], [Position(epoch: "e1", seq: 2)]])
        guard case .taken = log.answered(of: "e2", isDeleted: false, for: ticket) else {
            Issue.record("the answer was refused")
            return
        }
        #expect(log.entryHeard(sampleEntry(3, "i1"), of: "e2").text == "committed 3 seen")
        // In another history it is still to come; where another node restored it, and its place was passed, it is not.
        log.restoringFound(bodies[1], at: Position(epoch: "e3", seq: 1))
        #expect(log.standing == .behind)
        log.restoringFound(bodies[1], at: Position(epoch: "e2", seq: 3))
        #expect(log.standing == .inStep && log.isQuiet)
    }

    @Test("What members saw in a lost history is known until the dedupe window is over")
    func formerPlaces() throws {
        var log = ReplicaLog.following(entries: 1)
        log.follow("e2", entries: 1, seen: [SeenEntry(seq: 1, body: sampleBody("x"))])
        let again = sampleSubmission("x")
        #expect(log.submitted(again, held: nil, mayKeep: true).text == "repeated x at e1 1")
        _ = log.polled(at: 1_000)
        _ = log.polled(at: 11_000)
        #expect(log.submitted(again, held: nil, mayKeep: true).text == "repeated x at e1 1")
        _ = log.polled(at: 11_001)
        #expect(log.submitted(again, held: nil, mayKeep: true).text == "taken")
    }

    // MARK: Entries

    @Test("Entries come out once and in order, whatever the order in which they are heard")
    func order() {
        var log = ReplicaLog.following(entries: 3)
        #expect(log.entryHeard(sampleEntry(3), of: "e1").text == "nothing")
        #expect(log.entryHeard(sampleEntry(6), of: "e1").text == "read 3")
        #expect(log.entryHeard(sampleEntry(5), of: "e1").text == "nothing")
        #expect(log.drain() == [])
        #expect(log.entryHeard(sampleEntry(4), of: "e1").text == "committed 4")
        #expect(log.drain() == ["committed 5", "committed 6"])
        #expect(log.entryHeard(sampleEntry(5), of: "e1").text == "nothing")
    }

    @Test("A hole is read once, and read on while entries behind it wait")
    func hole() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .read(let ticket, after: 3) = log.entryHeard(sampleEntry(9), of: "e1") else {
            Issue.record("nothing was read")
            return
        }
        #expect(log.standing == .inStep)
        _ = log.rangeRead([sampleEntry(4), sampleEntry(5)], of: "e1", for: ticket) { [] }
        #expect(log.drain() == ["committed 4", "committed 5", "read 5"])
    }

    @Test("A range of another history opens the log again")
    func foreignRange() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .read(let ticket, _) = log.entryHeard(sampleEntry(5), of: "e1") else { return }
        guard case .open = log.rangeRead([sampleEntry(4)], of: "e2", for: ticket, seen: { [] }) else {
            Issue.record("it was taken")
            return
        }
        #expect(log.newestSeq == 3 && log.standing == .behind)
    }

    @Test("An entry of another history opens the log, and comes out when that is followed")
    func foreignEntry() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .open(let asked) = log.entryHeard(sampleEntry(4, "new"), of: "e2") else {
            Issue.record("it was not opened")
            return
        }
        log.finish(asked, place("e2", 3))
        #expect(log.epoch == "e2" && log.newestSeq == 4)
    }

    @Test("What is not stored is passed only behind a fence, and one that arrives before it is not")
    func fence() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .read(let ticket, _) = log.entryHeard(sampleEntry(8), of: "e1") else { return }
        let range = [sampleEntry(7, unstoredFrom: 4), sampleEntry(8)]
        _ = log.rangeRead(range, of: "e1", for: ticket) { [] }
        #expect(log.drain() == ["fence n:1"])
        #expect(log.entryHeard(sampleEntry(5), of: "e1").text == "nothing")
        let others = log.fencePassed("other:1")
        let own = log.fencePassed("n:1")
        #expect(!others && own)
        #expect(log.drain() == ["passed 4", "committed 5", "passed 6", "committed 7", "committed 8"])
        let again = log.fencePassed("n:1")
        #expect(!again)
    }

    @Test("An end that is not stored is passed behind a fence, which the second look gives up")
    func fencedEnd() throws {
        var log = ReplicaLog.following(entries: 3)
        let asked = try log.asked()
        guard case .read(let range, _) = log.placeAnswered(place("e1", 6, unstoredFrom: 4), for: asked) else { return }
        _ = log.rangeRead([], of: "e1", for: range) { [] }
        #expect(log.drain() == ["fence n:1"])
        guard case .nothing = log.polled(at: 2_000), case .fenceGivenUp = log.polled(at: 4_000) else {
            Issue.record("the fence was not given up")
            return
        }
        #expect(log.drain() == ["passed 6", "caught up"])
    }

    @Test("Seqs that no script counts are ignored")
    func absurdSeqs() {
        var log = ReplicaLog.following(entries: 3)
        for seq in [0, ReplicaLog.seqMax + 1, .max] as [UInt64] {
            #expect(log.entryHeard(sampleEntry(seq), of: "e1").text == "nothing")
        }
        #expect(log.entryHeard(sampleEntry(4), of: "e1").text == "committed 4")
    }

    // MARK: Own messages

    @Test("An own message is recognised in whatever entry it comes, also when its id was first sent elsewhere")
    func own() throws {
        var log = ReplicaLog.following(entries: 0)
        #expect(log.submitted(sampleSubmission("x"), held: nil, mayKeep: false).text == "taken")
        #expect(log.hasUnsent && !log.isQuiet)
        guard case .commit(_, let batch) = log.flushed(sendsKept: false) else {
            Issue.record("nothing was sent")
            return
        }
        #expect(batch.map(\.number) == [0] && !log.hasUnsent)
        let other = ReplicaLog.Entry(seq: 1, body: sampleBody("x", content: "2"))
        #expect(log.entryHeard(other, of: "e1").text == "committed 1 own")
        #expect(log.isQuiet == true)
    }

    @Test("A repetition is reported once its first place has come here")
    func repetition() throws {
        var log = ReplicaLog.following(entries: 0)
        _ = log.submitted(sampleSubmission("x"), held: nil, mayKeep: true)
        guard case .commit(let ticket, let batch) = log.flushed(sendsKept: false),
            case .taken = log.answered(of: "e1", isDeleted: false, for: ticket)
        else { return }
        log.repetitionFound(batch[0], first: Position(epoch: "e1", seq: 2), time: 5, isStored: true)
        #expect(log.drain() == [] && log.submissions.count == 1)
        _ = log.entryHeard(sampleEntry(1), of: "e1")
        #expect(log.drain() == [])
        _ = log.entryHeard(sampleEntry(2), of: "e1")
        #expect(log.drain() == ["repeated x at e1 2"])
        #expect(log.isQuiet == true)
    }

    @Test("With the store away messages are provisional, and repetitions of what is here are reported")
    func away() {
        var log = ReplicaLog.following(entries: 3)
        _ = log.submitted(sampleSubmission("held"), held: nil, mayKeep: true)
        _ = log.submitted(sampleSubmission("new"), held: nil, mayKeep: true)
        _ = log.submitted(sampleSubmission("new", content: "2"), held: nil, mayKeep: true)
        #expect(log.storeLost() == [0, 1, 2])
        #expect(log.standing == .away && log.mayLetIn && log.wantsHeld)
        #expect(log.unplaced(0, held: .init(seq: 2, time: nil)).text == "repeated held at e1 2")
        #expect(log.unplaced(1, held: nil).text == "provisional")
        #expect(log.unplaced(2, held: nil).text == "repeats 1")
        #expect(log.submissions.count == 1)
        #expect(log.submitted(sampleSubmission("new"), held: nil, mayKeep: false).text == "repeats 1")
        #expect(log.submitted(sampleSubmission("other"), held: nil, mayKeep: false).text == "refused")
        #expect(log.submitted(sampleSubmission("other"), held: nil, mayKeep: true).text == "provisional")
        // Twice lost is lost once.
        #expect(log.storeLost() == [])
        #expect(log.entryHeard(sampleEntry(4), of: "e1").text == "nothing")
    }

    @Test("What was kept is sent in turns of its own, in order, when the store is back")
    func kept() throws {
        var log = ReplicaLog(name: "n", limits: limits, isStoreAway: true)
        for id in ["a", "b"] { _ = log.submitted(sampleSubmission(id), held: nil, mayKeep: true) }
        guard case .nothing = log.flushed(sendsKept: true) else {
            Issue.record("it was sent to nobody")
            return
        }
        log.finish(try log.askedOnReturn(), place("e1", 0))
        _ = log.submitted(sampleSubmission("c"), held: nil, mayKeep: true)
        guard case .wantsTurn = log.flushed(sendsKept: false),
            case .commit(let ticket, let kept) = log.flushed(sendsKept: true),
            case .nothing = log.flushed(sendsKept: false),
            case .taken = log.answered(of: "e1", isDeleted: false, for: ticket),
            case .commit(_, let live) = log.flushed(sendsKept: false)
        else {
            Issue.record("the order is another")
            return
        }
        #expect(kept.map(\.isProvisional) == [true, true] && live.map(\.isProvisional) == [false])
    }

    @Test("Withdrawn messages wait no longer, also of a log that is closed")
    func withdrawal() {
        var log = ReplicaLog.following()
        _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
        log.closed()
        #expect(log.withdraw(nil).count == 1 && log.withdraw(nil).isEmpty && log.isQuiet)
    }

    // MARK: Looks

    @Test("A look that finds more opens the log at the next look, unless it has come by then")
    func looks() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let first) = log.polled(at: 0),
            case .nothing = log.looked(Position(epoch: "e1", seq: 4), for: first)
        else {
            Issue.record("nothing was looked for")
            return
        }
        _ = log.entryHeard(sampleEntry(4), of: "e1")
        guard case .look(let second) = log.polled(at: 2_000) else {
            Issue.record("it was opened")
            return
        }
        _ = log.looked(Position(epoch: "e1", seq: 5), for: second)
        guard case .open = log.polled(at: 4_000) else {
            Issue.record("it was not opened")
            return
        }
    }

    @Test(
        "A look that finds another history, less, or nothing opens the log",
        arguments: [Position(epoch: "e2", seq: 3), Position(epoch: "e1", seq: 2), nil])
    func foreignLooks(place: Position?) {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let ticket) = log.polled(at: 0), case .open = log.looked(place, for: ticket) else {
            Issue.record("it was not opened")
            return
        }
        #expect(log.standing == .behind)
    }

    @Test("What came between a look and its answer is no reason to open the log")
    func lateLook() {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let ticket) = log.polled(at: 0) else { return }
        _ = log.entryHeard(sampleEntry(4), of: "e1")
        guard case .nothing = log.looked(Position(epoch: "e1", seq: 3), for: ticket) else {
            Issue.record("it was opened")
            return
        }
    }

    @Test("The third look that finds nobody listening goes on without the store, until the subscription stands")
    func deafOpening() {
        var log = ReplicaLog(name: "n", limits: limits, isStoreAway: false)
        _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
        for _ in 1..<ReplicaLog.looksMax { guard case .nothing = log.polled(at: 0) else { return } }
        guard case .lost([0]) = log.polled(at: 0), case .nothing = log.polled(at: 0) else {
            Issue.record("it did not go on")
            return
        }
        #expect(log.standing == .away)
        #expect(log.subscribed() != nil && log.standing == .behind)
    }

    @Test("An opening is asked once: its answer, or its refusal, comes")
    func slowOpening() throws {
        var log = ReplicaLog.following(entries: 3)
        _ = try log.asked()
        for _ in 1...10 {
            guard case .nothing = log.polled(at: 0) else {
                Issue.record("it was asked again")
                return
            }
        }
    }

    @Test("Without a subscription nothing is committed and nothing claimed; with it again the log is opened")
    func interruption() throws {
        var log = ReplicaLog.following(entries: 3)
        log.interrupted()
        _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
        #expect(log.standing == .behind && !log.hasUnsent)
        #expect(log.storeLost() == [0] && log.storeReturned() == nil && log.standing == .behind)
        log.finish(try log.asked(), place("e1", 3))
        #expect(log.standing == .inStep)
    }

    // MARK: Positions

    @Test("A position of the present history, or of a former epoch in its lineage, is known; any other is not")
    func knownPositions() throws {
        var log = ReplicaLog.following(entries: 3)
        let lineage = Lineage([Position(epoch: "e0", seq: 2)])
        log.finish(try log.asked(), .init(epoch: "e1", newestSeq: 3, unstoredFrom: nil, lineage: lineage))
        for (epoch, seq, isKnown) in [("e1", 3, true), ("e1", 4, false), ("e0", 9, true), ("x", 1, false)] {
            #expect(log.knows(Position(epoch: epoch, seq: UInt64(seq))) == isKnown, "\(epoch) \(seq)")
        }
    }

    @Test("What proves is asked for after the question was raised, and its whole answer is here")
    func proofs() {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let early) = log.polled(at: 0) else { return }
        let proof = log.nextProof
        #expect(log.doubtsPosition() == nil)
        _ = log.looked(Position(epoch: "e1", seq: 3), for: early)
        #expect(log.isProven(proof) == false)
        guard let look = log.doubtsPosition() else {
            Issue.record("nothing was asked")
            return
        }
        _ = log.looked(Position(epoch: "e1", seq: 4), for: look)
        #expect(log.isProven(proof) == false)
        _ = log.entryHeard(sampleEntry(4), of: "e1")
        #expect(log.isProven(proof) == true)
    }

    @Test("An opening that began later proves, too")
    func openingProves() throws {
        var log = ReplicaLog.following(entries: 3)
        let proof = log.nextProof
        log.finish(try log.asked(), place("e1", 3))
        #expect(log.isProven(proof) == true)
    }

    @Test("With an entry of another commit than the store's at the newest seq the store must begin another epoch")
    func otherEntry() throws {
        let tails = [
            (ReplicaLog.Tail(commit: "mine"), false), (.init(commit: "other"), true), (.init(commit: nil), false),
            (nil, false),
        ]
        for (tail, forks) in tails {
            var log = ReplicaLog.following(entries: 2)
            // The same message, by whatever commit it came.
            let newest = ReplicaLog.Entry(seq: 3, body: sampleBody("i3"), commit: "mine")
            #expect(log.entryHeard(newest, of: "e1").text == "committed 3")
            guard case .read(let ticket, _) = log.placeAnswered(place("e1", 4), for: try log.asked()) else { return }
            let range = ReplicaLog.Range([sampleEntry(4)], of: "e1", tail: tail)
            switch log.rangeRead(range, for: ticket, seen: { [] }) {
            case .fork(let asked):
                #expect(forks)
                guard case .askDeleted = log.placeAnswered(place("e2", 4), for: asked) else {
                    Issue.record("the new epoch is not followed")
                    continue
                }
            case .opened: #expect(!forks)
            default: Issue.record("it was refused")
            }
        }
    }

    @Test("A hole that was read in another history than the one here is not filled from it")
    func otherHole() {
        var log = ReplicaLog.following(entries: 2)
        _ = log.entryHeard(ReplicaLog.Entry(seq: 3, body: sampleBody("i3"), commit: "mine"), of: "e1")
        guard case .read(let ticket, 3) = log.entryHeard(sampleEntry(5), of: "e1") else {
            Issue.record("the hole is not read")
            return
        }
        let range = ReplicaLog.Range([sampleEntry(4)], of: "e1", tail: ReplicaLog.Tail(commit: "other"))
        guard case .open = log.rangeRead(range, for: ticket, seen: { [] }) else {
            Issue.record("it is filled")
            return
        }
        #expect(log.newestSeq == 3)
    }

    @Test("A repetition of what members saw in a lost history is not shown again when the store goes")
    func unplacedFormer() throws {
        var log = ReplicaLog.following(entries: 1)
        log.finish(try log.asked(), place("e2", 1), seen: [SeenEntry(seq: 1, body: sampleBody("x"))])
        _ = log.submitted(sampleSubmission("y"), held: nil, mayKeep: true)
        #expect(log.submitted(sampleSubmission("x"), held: nil, mayKeep: true).text == "repeated x at e1 1")
        log = ReplicaLog.following(entries: 1)
        _ = log.submitted(sampleSubmission("x"), held: nil, mayKeep: true)
        log.finish(try log.asked(), place("e2", 1), seen: [SeenEntry(seq: 1, body: sampleBody("x"))])
        #expect(log.storeLost() == [0])
        #expect(log.unplaced(0, held: nil).text == "repeated x at e1 1")
    }

    @Test("Of a lost history only what the store did not trim is restored")
    func trimmedBeforeTheFork() throws {
        var log = ReplicaLog.following(entries: 5)
        let seen = (1...5).map { SeenEntry(seq: $0, body: sampleBody("i\($0)")) }
        let lineage = Lineage([Position(epoch: "e1", seq: 5)])
        let forked = ReplicaLog.Place(epoch: "e2", newestSeq: 5, unstoredFrom: nil, lineage: lineage)
        guard case .askDeleted(let asked) = log.placeAnswered(forked, for: try log.asked()),
            case .read(let range, _) = log.deletedAnswered(false, for: asked)
        else { return }
        _ = log.rangeRead([sampleEntry(3)], of: "e2", for: range) { seen }
        #expect(log.drain() == ["committed 3 seen", "read 3"])
    }

    @Test("Commits leave one after the other, and bound their bytes")
    func groupCommit() {
        var log = ReplicaLog.following(entries: 0)
        let large = String(repeating: "x", count: Submissions.batchBytesMax)
        for id in ["a", "b"] {
            _ = log.submitted(sampleSubmission(id, content: "\"\(large)\""), held: nil, mayKeep: true)
        }
        guard case .commit(let ticket, let first) = log.flushed(sendsKept: false) else { return }
        #expect(first.count == 1 && !log.hasUnsent)
        _ = log.answered(of: "e1", isDeleted: false, for: ticket)
        #expect(log.hasUnsent == true)
    }

    @Test("A log that is used is kept after a quarter of its time")
    func use() {
        var log = ReplicaLog.following()
        guard let first = log.used(at: 5) else {
            Issue.record("it was not kept")
            return
        }
        _ = log.looked(Position(epoch: "e1", seq: 3), for: first)
        #expect(log.used(at: 10_004) == nil && log.used(at: 10_005) != nil)
        _ = log.storeLost()
        #expect(log.used(at: 100_000) == nil)
    }
}
