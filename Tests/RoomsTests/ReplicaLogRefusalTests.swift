import Core
import Testing

@testable import Rooms

@Suite("Answers that a replica refuses, and questions that the store refused")
struct ReplicaLogRefusalTests {
    private let place = ReplicaLog.Place(epoch: "e1", newestSeq: 3, unstoredFrom: nil)

    @Test("After another opening no answer to what was asked before counts")
    func staleAnswers() throws {
        var log = ReplicaLog.following(entries: 3)
        _ = log.submitted(sampleSubmission("x"), held: nil, mayKeep: true)
        guard case .look(let look) = log.polled(at: 0), case .commit(let commit, _) = log.flushed(sendsKept: false),
            case .read(let range, _) = log.entryHeard(sampleEntry(5), of: "e1")
        else {
            Issue.record("nothing was asked")
            return
        }
        let asked = try log.asked()
        _ = log.subscribed()
        guard case .stale = log.placeAnswered(place, for: asked),
            case .stale = log.deletedAnswered(true, for: asked),
            case .stale = log.rangeRead([sampleEntry(4)], of: "e1", for: range, seen: { [] }),
            case .stale = log.looked(Position(epoch: "e2", seq: 9), for: look),
            case .stale = log.answered(of: "e2", isDeleted: true, for: commit)
        else {
            Issue.record("a stale answer was taken")
            return
        }
        for question in ReplicaLog.Question.allCases { #expect(log.refused(question, for: commit) == .stale) }
        #expect(log.newestSeq == 3 && log.epoch == "e1")
    }

    @Test("An answer counts once, and only to what was asked")
    func repeatedAnswers() throws {
        var log = ReplicaLog.following(entries: 3)
        let asked = try log.asked()
        guard case .stale = log.rangeRead([], of: "e1", for: asked, seen: { [] }),
            case .stale = log.deletedAnswered(false, for: asked),
            case .read(let ticket, _) = log.placeAnswered(place, for: asked),
            case .stale = log.placeAnswered(place, for: asked),
            case .opened = log.rangeRead([], of: "e1", for: ticket, seen: { [] }),
            case .stale = log.rangeRead([sampleEntry(4)], of: "e1", for: ticket, seen: { [] })
        else {
            Issue.record("an answer counted twice")
            return
        }
    }

    @Test("A log whose opening is refused goes on without the store, and asks again at the next look")
    func refusedOpening() throws {
        for question in [ReplicaLog.Question.place, .deletion, .range] {
            var log = ReplicaLog.following(entries: 3)
            let asked = try log.asked()
            _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
            #expect(log.refused(question, for: asked) == .lost([0]))
            #expect(log.standing == .away)
            guard case .open = log.polled(at: 0) else {
                Issue.record("\(question): it was not opened again")
                continue
            }
        }
    }

    @Test("A range that is refused while the log catches up is asked for again at the next look")
    func refusedCatchUp() throws {
        var log = ReplicaLog.following(entries: 3)
        let asked = try log.asked()
        let more = ReplicaLog.Place(epoch: "e1", newestSeq: 9, unstoredFrom: nil)
        guard case .read(let range, _) = log.placeAnswered(more, for: asked) else { return }
        _ = log.rangeRead([sampleEntry(4)], of: "e1", for: range) { [] }
        let ticket = try log.drainToTicket()
        #expect(log.refused(.range, for: ticket) == .lost([]))
        guard case .open = log.polled(at: 0) else {
            Issue.record("it was not opened again")
            return
        }
    }

    @Test("A commit that is refused is sent again, in order, behind the opening at the next look")
    func refusedCommit() throws {
        var log = ReplicaLog.following(entries: 3)
        _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
        guard case .commit(let ticket, _) = log.flushed(sendsKept: false) else { return }
        _ = log.submitted(sampleSubmission("b"), held: nil, mayKeep: true)
        #expect(log.refused(.commit, for: ticket) == .lost([0, 1]))
        // What is sent meanwhile must not come before it.
        #expect(log.hasUnsent == false)
        guard case .nothing = log.flushed(sendsKept: true), case .open(let asked) = log.polled(at: 0) else {
            Issue.record("it was sent, or not opened")
            return
        }
        log.finish(asked, place)
        guard case .commit(_, let batch) = log.flushed(sendsKept: false) else {
            Issue.record("it was not sent again")
            return
        }
        #expect(batch.map { String(decoding: $0.id, as: UTF8.self) } == ["a", "b"])
    }

    @Test("A restoring that is refused is done again behind the opening at the next look")
    func refusedRestoring() throws {
        var log = ReplicaLog.following(entries: 1)
        let asked = try log.asked()
        let other = ReplicaLog.Place(epoch: "e2", newestSeq: 1, unstoredFrom: nil)
        guard case .askDeleted(let question) = log.placeAnswered(other, for: asked),
            case .read(let range, _) = log.deletedAnswered(false, for: question)
        else { return }
        _ = log.rangeRead([], of: "e2", for: range) { [SeenEntry(seq: 1, body: sampleBody("x"))] }
        guard case .caughtUp = log.advanced(), case .restore(let ticket, let lost) = log.advanced() else { return }
        #expect(lost.count == 1 && log.refused(.restoring, for: ticket) == .lost([]))
        guard case .open(let again) = log.polled(at: 0),
            case .read(let range, _) = log.placeAnswered(other, for: again)
        else {
            Issue.record("it was not opened again")
            return
        }
        _ = log.rangeRead([], of: "e2", for: range) { [] }
        #expect(log.drain() == ["caught up", "restore 1"])
    }

    @Test("A hole whose range or fence is refused is read again for the next entry that comes too early")
    func refusedHole() throws {
        var log = ReplicaLog.following(entries: 3)
        guard case .read(let first, _) = log.entryHeard(sampleEntry(6), of: "e1") else { return }
        #expect(log.refused(.range, for: first) == .dropped)
        guard case .read(let second, _) = log.entryHeard(sampleEntry(7), of: "e1") else {
            Issue.record("it was not read again")
            return
        }
        _ = log.rangeRead([sampleEntry(6, unstoredFrom: 4)], of: "e1", for: second) { [] }
        #expect(log.drain() == ["fence n:1"])
        #expect(log.refused(.fence, for: second) == .dropped)
        let late = log.fencePassed("n:1")
        #expect(!late)
        #expect(log.entryHeard(sampleEntry(8), of: "e1").text == "read 3")
    }

    @Test("A look that is refused changes nothing")
    func refusedLook() {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let ticket) = log.polled(at: 0) else { return }
        #expect(log.refused(.look, for: ticket) == .dropped && log.standing == .inStep)
        guard case .look = log.polled(at: 0) else {
            Issue.record("nobody looks any more")
            return
        }
    }

    @Test("A commit for a history that was deleted, or that is another by now, opens the log")
    func foreignCommit() throws {
        for (epoch, isDeleted) in [("e1", true), ("e2", false)] {
            var log = ReplicaLog.following(entries: 3)
            _ = log.submitted(sampleSubmission("a"), held: nil, mayKeep: true)
            guard case .commit(let ticket, _) = log.flushed(sendsKept: false),
                case .open = log.answered(of: epoch, isDeleted: isDeleted, for: ticket)
            else {
                Issue.record("it was taken")
                continue
            }
            #expect(log.standing == .behind && log.submissions.count == 1)
        }
    }

    @Test("A closed log asks for nothing and gives out nothing")
    func closed() {
        var log = ReplicaLog.following(entries: 3)
        guard case .look(let ticket) = log.polled(at: 0) else { return }
        log.closed()
        #expect(log.subscribed() == nil && log.storeReturned() == nil && log.storeLost() == [])
        #expect(log.used(at: 0) == nil && log.refused(.look, for: ticket) == .stale)
        #expect(log.entryHeard(sampleEntry(4), of: "e1").text == "nothing" && log.drain() == [])
        #expect(log.submitted(sampleSubmission("a"), held: nil, mayKeep: true).text == "refused")
        guard case .nothing = log.polled(at: 0), case .stale = log.looked(nil as Position?, for: ticket) else {
            Issue.record("it goes on")
            return
        }
    }
}
