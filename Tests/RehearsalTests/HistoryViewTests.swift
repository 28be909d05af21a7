import TestSupport
import Testing

@testable import Rehearsal

@Suite("What the demo counts at one device")
struct HistoryViewTests {
    private func joined(at seq: UInt64 = 0) -> HistoryView {
        var view = HistoryView()
        view.connected()
        view.joined(epoch: "e", newest: seq)
        return view
    }

    @Test("messages, own acks and confirmations in order are clean")
    func clean() {
        var view = joined(at: 4)
        view.shown("bob.1", epoch: "e", seq: 5)
        view.acked("ann.1", epoch: "e", seq: 6, isRepeated: false)
        view.shownProvisionally("bob.2")
        view.confirmed("bob.2", epoch: "e", seq: 7)
        // Of the device's own, acked before without a place.
        view.confirmed("ann.2", epoch: "e", seq: 8)
        #expect(view.last == 8 && view.count == 4 && view.duplicated == 0 && view.misordered == 0)
        #expect(view.has("ann.2") && !view.has("ann.3"))
        #expect(view.order == [5: "bob.1", 6: "ann.1", 7: "bob.2", 8: "ann.2"])
    }

    @Test("what is shown again was duplicated", arguments: [true, false])
    func duplicates(comesBack: Bool) {
        var view = joined()
        view.shown("bob.1", epoch: "e", seq: 1)
        if comesBack { view.connected() }
        view.shown("bob.1", epoch: "e", seq: 1)
        #expect(view.duplicated == 1)
        view.shown("bob.1", epoch: "e", seq: 2)
        #expect(view.duplicated == 2 && view.count == 1)
        view.shownProvisionally("bob.1")
        #expect(view.duplicated == 3)
    }

    @Test("a provisional message comes once to a connection, and as a committed one to the next")
    func provisional() {
        var view = joined()
        view.shownProvisionally("bob.1")
        view.connected()
        view.shown("bob.1", epoch: "e", seq: 1)
        #expect(view.duplicated == 0)
        view.shownProvisionally("bob.2")
        view.shownProvisionally("bob.2")
        #expect(view.duplicated == 1)
        view.shown("bob.2", epoch: "e", seq: 2)
        #expect(view.duplicated == 2)
        view.shownProvisionally("bob.3")
        view.confirmed("bob.3", epoch: "e", seq: 3)
        view.confirmed("bob.3", epoch: "e", seq: 3)
        #expect(view.duplicated == 3 && view.misordered == 0)
    }

    @Test("a repeated ack with the first place is none; with another it is")
    func repeatedAcks() {
        var view = joined()
        view.shown("ann.1", epoch: "e", seq: 1)
        view.acked("ann.1", epoch: "e", seq: 1, isRepeated: true)
        #expect(view.duplicated == 0)
        view.acked("ann.1", epoch: "e", seq: 2, isRepeated: true)
        #expect(view.duplicated == 1)
        // Acked before it was seen: that is its place.
        view.acked("ann.2", epoch: "e", seq: 2, isRepeated: true)
        #expect(view.count == 2 && view.misordered == 0)
    }

    @Test("out of order: below a former one, two at one place, another epoch, before a former one of the sender")
    func order() {
        var view = joined()
        view.shown("bob.1", epoch: "e", seq: 2)
        view.shown("ann.1", epoch: "e", seq: 1)
        #expect(view.misordered == 1)
        view.shown("ann.2", epoch: "e", seq: 2)
        #expect(view.misordered == 2)
        view.shown("ann.3", epoch: "other", seq: 3)
        #expect(view.misordered == 3)
        view.shown("bob.9", epoch: "e", seq: 4)
        view.shown("bob.8", epoch: "e", seq: 5)
        #expect(view.misordered == 4 && view.duplicated == 0 && view.count == 6)
    }

    @Test("a gap says where the history goes on")
    func gap() {
        var view = joined()
        view.shown("bob.1", epoch: "e", seq: 1)
        view.gapSaid(epoch: "f", next: 10)
        #expect(view.last == 9 && view.epoch == "f")
        view.shown("bob.2", epoch: "f", seq: 10)
        #expect(view.misordered == 0)
    }

    @Test("views that differ at a place are seen")
    func disagreements() {
        var views = [joined(), joined(), joined()]
        for index in views.indices { views[index].shown("ann.1", epoch: "e", seq: 1) }
        views[0].shown("ann.2", epoch: "e", seq: 2)
        views[1].shown("bob.1", epoch: "e", seq: 2)
        #expect(HistoryView.disagreements(views) == 1)
        // One that has not seen the place does not disagree.
        #expect(HistoryView.disagreements([views[0], views[2]]) == 0)
    }

    @Test("seeded random losses, repetitions and swaps are all counted", arguments: UInt64(1)...50)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var view = joined()
        var (lost, duplicated, misordered) = (0, 0, 0)
        var seq: UInt64 = 1
        // Every message has a sender of its own, so that a swap is one fault.
        func show(_ seq: UInt64) { view.shown("s\(seq).1", epoch: "e", seq: seq) }
        while seq < 2000 {
            switch random.next() % 20 {
            case 0:
                lost += 1
            case 1:
                show(seq)
                show(seq)
                duplicated += 1
            case 2:
                show(seq + 1)
                show(seq)
                seq += 1
                misordered += 1
            default: show(seq)
            }
            seq += 1
        }
        #expect(view.duplicated == duplicated && view.misordered == misordered)
        #expect((1..<seq).count { !view.has("s\($0).1") } == lost)
    }
}
