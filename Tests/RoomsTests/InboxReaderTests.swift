import Core
import Rooms
import Testing
import WireProtocol

@Suite("A connection on its way through its user's inbox")
struct InboxReaderTests {
    private let ann = Identifier(unchecked: "ann")
    private let bob = Identifier(unchecked: "bob")

    private func inbox() -> Inbox { User(bob, number: 1).openInbox(of: bob, epoch: "w", size: 4, in: StoredMessages()) }

    private func body(_ id: String) -> [UInt8] {
        Array(#","id":"\#(id)","from":"ann","to":"bob","message_type":"text","content":1,"ts":7"#.utf8 + [0x7D, 0, 0])
    }

    /// Appends a message that stood elsewhere in former histories.
    private func append(_ id: String, to inbox: Inbox, was: [Position] = []) {
        var writer = JSONWriter()
        body(id).withUnsafeBytes { bytes in
            writer.direct(
                at: Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq + 1),
                body: DirectBody(bytes)?.frame ?? bytes)
        }
        let audience = Audience(deviceType: nil, sender: nil, isOwnCopy: false)
        _ = inbox.appendShared(writer.bytes, audience: audience, at: 7)
        inbox.former.came(inbox.log.newestSeq, was: was, oldestSeq: inbox.log.oldestSeq)
    }

    private func steps(_ reader: inout InboxReader, _ inbox: Inbox, isQuiet: Bool = true) -> [String] {
        var steps: [String] = []
        while let step = reader.next(in: inbox, isQuiet: isQuiet) {
            switch step {
            case .entry(let entry): steps.append("\(entry.seq)")
            case .gap(let seq, let reason): steps.append("\(reason.rawValue) \(seq)")
            case .confirm(let known, let seq): steps.append("\(String(decoding: known.rawID, as: UTF8.self)) is \(seq)")
            }
        }
        return steps
    }

    private func submission(_ id: String) -> Submission {
        Submission(user: ann, id: Array(id.utf8), rawID: Array(id.utf8), body: body(id), time: 7, author: .nobody)
    }

    @Test("it gets what is behind its cursor once, and what was trimmed is said")
    func order() {
        let inbox = inbox()
        for id in ["a", "b", "c"] { append(id, to: inbox) }
        var reader = InboxReader(sampleConnection("bob"))
        #expect(!reader.isPlaced && steps(&reader, inbox) == [])
        reader.placed(at: InboxCursor([Position(epoch: inbox.log.epoch, seq: 1)]), in: inbox.log)
        #expect(steps(&reader, inbox) == ["2", "3"] && steps(&reader, inbox) == [])
        for id in ["d", "e", "f", "g", "h"] { append(id, to: inbox) }
        #expect(steps(&reader, inbox) == ["trimmed 5", "5", "6", "7", "8"])
    }

    @Test("what it knows without a place is confirmed in its place")
    func provisional() {
        let inbox = inbox()
        var reader = InboxReader(sampleConnection("bob"))
        #expect(reader.saw(submission("b")) && !reader.saw(submission("b")))
        for id in ["a", "b", "c"] { append(id, to: inbox) }
        reader.placed(at: InboxCursor(), in: inbox.log)
        #expect(steps(&reader, inbox) == ["1", "b is 2", "3"])
        #expect(reader.forget(submission("b")) == nil)
    }

    @Test("what it knows without a place is confirmed, also where its device has processed it on another node")
    func processedElsewhere() {
        let inbox = inbox()
        var reader = InboxReader(sampleConnection("bob"))
        _ = reader.saw(submission("b"))
        for id in ["a", "b", "c", "d"] { append(id, to: inbox) }
        reader.placed(at: InboxCursor([Position(epoch: inbox.log.epoch, seq: 3)]), in: inbox.log)
        #expect(steps(&reader, inbox) == ["b is 2", "4"] && steps(&reader, inbox) == [])
    }

    @Test("another history is said once, and what it had comes no second time")
    func fork() {
        let inbox = inbox()
        let first = inbox.log.epoch
        for id in ["a", "b", "c"] { append(id, to: inbox) }
        var (led, left) = (InboxReader(sampleConnection("bob")), InboxReader(sampleConnection("bob", device: "desk")))
        led.placed(at: InboxCursor(), in: inbox.log)
        #expect(steps(&led, inbox).count == 3)
        // The store kept the first entry alone; the others are committed again, behind a new one.
        inbox.replaceHistory(epoch: "e2", forkedAt: 0)
        inbox.former.lineage = Lineage([Position(epoch: first, seq: 1)])
        append("a", to: inbox)
        append("d", to: inbox)
        append("b", to: inbox, was: [Position(epoch: first, seq: 2)])
        append("c", to: inbox, was: [Position(epoch: first, seq: 3)])
        #expect(steps(&led, inbox) == ["epoch_changed 2", "2"])
        left.placed(at: InboxCursor([Position(epoch: first, seq: 2)]), in: inbox.log)
        #expect(steps(&left, inbox) == ["epoch_changed 2", "2", "4"])
        // Once it has acked something of the new history, that adds to what it had in the former one.
        left.placed(
            at: InboxCursor([Position(epoch: first, seq: 3), Position(epoch: "e2", seq: 2)]), in: inbox.log)
        #expect(steps(&left, inbox) == [])
    }

    @Test("a hole in the middle is said before what follows it, or when all is quiet")
    func hole() {
        let inbox = inbox()
        var reader = InboxReader(sampleConnection("bob"))
        reader.placed(at: InboxCursor(), in: inbox.log)
        append("a", to: inbox)
        #expect(steps(&reader, inbox) == ["1"])
        inbox.log.passUnstored(upTo: 2)
        #expect(steps(&reader, inbox, isQuiet: false) == [])
        append("b", to: inbox)
        #expect(steps(&reader, inbox) == ["trimmed 3", "3"])
        inbox.log.passUnstored(upTo: 5)
        #expect(steps(&reader, inbox) == ["trimmed 6"] && steps(&reader, inbox) == [])
        // Who comes, too; but not who has processed what is missing.
        for (seq, expected) in [(1, ["trimmed 3", "3", "trimmed 6"]), (2, ["3", "trimmed 6"]), (5, [])] {
            var later = InboxReader(sampleConnection("bob"))
            later.placed(at: InboxCursor([Position(epoch: inbox.log.epoch, seq: UInt64(seq))]), in: inbox.log)
            #expect(steps(&later, inbox) == expected, "from \(seq)")
        }
    }

    @Test("who has processed nothing of a former history hears that it is over, unless nothing was in it")
    func nothingProcessed() {
        // How far the former history came, and what is gone of the present one.
        for (end, oldestBefore, said) in [(0, 0, false), (3, 3, true), (0, 2, true)] as [(UInt64, UInt64, Bool)] {
            let inbox = inbox()
            inbox.former.lineage = Lineage([Position(epoch: "e", seq: end)])
            inbox.replaceHistory(epoch: "f", forkedAt: oldestBefore)
            append("a", to: inbox)
            var reader = InboxReader(sampleConnection("bob"))
            reader.placed(at: InboxCursor([Position(epoch: "e", seq: 0)]), in: inbox.log)
            let first = oldestBefore + 1
            #expect(
                steps(&reader, inbox) == (said ? ["epoch_changed \(first)"] : []) + ["\(first)"],
                "\(end), \(oldestBefore)")
        }
        let inbox = inbox()
        inbox.replaceHistory(epoch: "f", forkedAt: 0)
        var reader = InboxReader(sampleConnection("bob"))
        reader.placed(at: InboxCursor([Position(epoch: "unknown", seq: 0)]), in: inbox.log)
        #expect(steps(&reader, inbox) == ["epoch_changed 1"])
    }

    @Test("another history in which nothing follows is said when all is quiet; of an empty inbox nothing was lost")
    func quiet() {
        let inbox = inbox()
        var reader = InboxReader(sampleConnection("bob"))
        reader.placed(at: InboxCursor(), in: inbox.log)
        #expect(steps(&reader, inbox) == [])
        inbox.replaceHistory(epoch: "e2", forkedAt: 0)
        #expect(steps(&reader, inbox) == [])
        append("a", to: inbox)
        #expect(steps(&reader, inbox) == ["1"])
        inbox.replaceHistory(epoch: "e3", forkedAt: 1)
        #expect(steps(&reader, inbox, isQuiet: false) == [] && steps(&reader, inbox) == ["epoch_changed 2"])
        #expect(steps(&reader, inbox) == [])
    }
}
