import Core
import Rooms
import Testing

@Suite("An inbox and the places of devices in it")
struct InboxTests {
    private let phone = Identifier(unchecked: "phone")
    private let desk = Identifier(unchecked: "desk")
    private let tablet = Identifier(unchecked: "tablet")

    private let stored = StoredMessages()

    private func inbox(entries: Int = 0, size: Int = 10) -> Inbox {
        let inbox = User(Identifier(unchecked: "anna"), number: 1)
            .openInbox(of: Identifier(unchecked: "anna"), epoch: "w", size: size, in: stored)
        for _ in 0..<entries { inbox.log.appendText() }
        return inbox
    }

    private func position(_ inbox: Inbox, _ seq: UInt64) -> Position { Position(epoch: inbox.log.epoch, seq: seq) }

    private func seq(_ inbox: Inbox, _ device: Identifier) -> UInt64? {
        inbox.cursor(of: device)?.seq(in: inbox.log.epoch)
    }

    @Test("without any ack a device begins before the oldest entry kept")
    func oldest() {
        for (entries, expected) in [(0, 0), (10, 0), (11, 1)] as [(Int, UInt64)] {
            let inbox = inbox(entries: entries)
            inbox.came(phone)
            #expect(seq(inbox, phone) == expected)
        }
    }

    @Test("a device goes on behind its own ack, a new one behind the highest of any, and stays its own")
    func cursors() {
        let inbox = inbox(entries: 8)
        inbox.came(phone)
        inbox.acknowledged(position(inbox, 3), device: desk)
        #expect(seq(inbox, phone) == 0)
        inbox.came(tablet)
        inbox.acknowledged(position(inbox, 6), device: desk)
        inbox.acknowledged(position(inbox, 2), device: desk)
        #expect(seq(inbox, phone) == 0 && seq(inbox, desk) == 6 && seq(inbox, tablet) == 3)
        inbox.came(tablet)
        #expect(seq(inbox, tablet) == 3)
    }

    @Test("what a device without a name acks counts, and nothing is remembered of the device")
    func unnamed() {
        let inbox = inbox(entries: 3)
        inbox.acknowledged(position(inbox, 2), device: nil)
        #expect(inbox.allCursors.isEmpty && inbox.pendingCount == 1)
        inbox.came(phone)
        #expect(seq(inbox, phone) == 2)
    }

    @Test("an ack is clamped to the newest seq, one of another epoch is ignored")
    func clamped() {
        let inbox = inbox(entries: 4)
        inbox.acknowledged(Position(epoch: "other", seq: 4), device: phone)
        #expect(inbox.cursor(of: phone) == nil && inbox.pendingCount == 4)
        inbox.acknowledged(position(inbox, .max), device: phone)
        #expect(seq(inbox, phone) == 4 && inbox.pendingCount == 0)
        inbox.log.appendText()
        #expect(inbox.pendingCount == 1)
    }

    @Test("pending is what no device has acked, own copies not counted")
    func pending() {
        let inbox = inbox()
        #expect(inbox.pendingCount == 0)
        inbox.log.appendText()
        inbox.log.appendText(audience: Audience(deviceType: nil, sender: phone, isOwnCopy: true))
        inbox.log.appendText(audience: Audience(deviceType: "mobile", sender: nil, isOwnCopy: false))
        inbox.log.appendText()
        #expect(inbox.pendingCount == 3)
        inbox.acknowledged(position(inbox, 1), device: phone)
        #expect(inbox.pendingCount == 2)
        inbox.acknowledged(position(inbox, 3), device: desk)
        #expect(inbox.pendingCount == 1)
    }

    @Test("places of devices at n and n + 1: the one that acked longest ago is forgotten")
    func cursorsMax() {
        let inbox = inbox(entries: 9)
        inbox.acknowledged(position(inbox, 1), device: phone)
        inbox.acknowledged(position(inbox, 2), device: desk)
        for number in 2..<Inbox.cursorsMax {
            inbox.acknowledged(position(inbox, 5), device: Identifier(unchecked: "\(number)"))
        }
        #expect(seq(inbox, phone) == 1 && seq(inbox, desk) == 2)
        inbox.acknowledged(position(inbox, 1), device: phone)
        inbox.acknowledged(position(inbox, 4), device: tablet)
        #expect(seq(inbox, phone) == 1 && seq(inbox, tablet) == 4 && inbox.cursor(of: desk) == nil)
    }

    @Test("ids are known per sender, and it is empty when entries and ids are gone")
    func expiry() {
        let inbox = inbox()
        #expect(inbox.isEmpty)
        inbox.log.appendText(at: 100)
        let committed = Committed(position: position(inbox, 1), time: 100)
        withText("id") { id in
            inbox.remember(phone, id, committed, at: 100)
            #expect(inbox.known(phone, id)?.position == committed.position && inbox.known(desk, id) == nil)
            inbox.expire(idsBefore: 100, entriesBefore: 101)
            #expect(!inbox.isEmpty && inbox.known(phone, id) != nil)
            inbox.expire(idsBefore: 101, entriesBefore: 101)
            stored.ids.expire(before: 101)
            #expect(inbox.isEmpty && inbox.known(phone, id) == nil)
        }
    }

    @Test("an audience: any device but the sender, or those of one type")
    func audience() {
        let all = Audience(deviceType: nil, sender: nil, isOwnCopy: false)
        #expect(all.includes(device: phone, type: nil) && all.includes(device: phone, type: "mobile"))
        let mobile = Audience(deviceType: "mobile", sender: nil, isOwnCopy: false)
        #expect(mobile.includes(device: phone, type: "mobile"))
        #expect(!mobile.includes(device: phone, type: nil) && !mobile.includes(device: phone, type: "Mobile"))
        let copy = Audience(deviceType: nil, sender: phone, isOwnCopy: true)
        #expect(!copy.includes(device: phone, type: "mobile") && copy.includes(device: desk, type: nil))
        // Types are bytes: the same character in two code points is another type.
        let accented = Audience(deviceType: "\u{E9}", sender: nil, isOwnCopy: false)
        #expect(!accented.includes(device: phone, type: "e\u{301}"))
    }
}
