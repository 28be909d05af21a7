import Core
import Rooms
import Testing

@Suite("A user at its home")
struct UserTests {
    @Test("a session is resumed while a connection lives")
    func living() {
        let user = User(Identifier(unchecked: "a"), number: 7)
        let first = user.openSession(notBefore: 0)
        #expect(!first.isResumed && first.messageCount == 0 && first.lastActiveAt == nil)
        let phone = sampleConnection("a", at: 1000)
        _ = user.connected(phone, at: 1)
        phone.messageCommitted(at: 1500)
        let second = user.openSession(notBefore: .max)
        #expect(second.isResumed && second.id == first.id && second.messageCount == 1 && second.lastActiveAt == 1500)
    }

    @Test("after the last connection it lives to the end of its time, then there is a new one")
    func expired() {
        let user = User(Identifier(unchecked: "a"), number: 7)
        let first = user.openSession(notBefore: 0)
        let phone = sampleConnection("a", at: 1000)
        _ = user.connected(phone, at: 1)
        phone.messageCommitted(at: 1500)
        phone.messageCommitted(at: 1600)
        #expect(user.lost(phone, graceEnd: 10, at: Moment(now: 700, unix: 2000)))
        let resumed = user.openSession(notBefore: 700)
        #expect(resumed.isResumed && resumed.id == first.id && resumed.messageCount == 2)
        #expect(resumed.lastActiveAt == 2000)
        let new = user.openSession(notBefore: 701)
        #expect(!new.isResumed && new.id != first.id && new.messageCount == 0 && new.lastActiveAt == nil)
    }

    @Test("the count goes over all connections of the session, gone and living")
    func counts() {
        let user = User(Identifier(unchecked: "a"), number: 7)
        _ = user.openSession(notBefore: 0)
        let (phone, desk) = (sampleConnection("a"), sampleConnection("a", device: "desk"))
        _ = user.connected(phone, at: 1)
        _ = user.connected(desk, at: 1)
        for _ in 0..<3 { phone.messageCommitted(at: 1100) }
        desk.messageCommitted(at: 1200)
        #expect(user.left(phone, at: Moment(now: 5, unix: 1300)) && !user.left(phone, at: Moment(now: 6, unix: 1400)))
        #expect(user.connectionCount == 1 && user.lastActiveAt == 1300)
        #expect(user.openSession(notBefore: 0).messageCount == 4)
    }

    @Test("the same device replaces its connection, whose end is then no loss")
    func replaced() {
        let user = User(Identifier(unchecked: "a"), number: 7)
        let (old, new) = (sampleConnection("a", at: 1000), sampleConnection("a", at: 2000))
        let first = user.connected(old, at: 1)
        #expect(first.replaced == nil && first.isNewDevice)
        old.messageCommitted(at: 1100)
        let second = user.connected(new, at: 1)
        #expect(second.replaced === old && !second.isNewDevice)
        #expect(user.connectionCount == 1 && user.attendance.isLiving(new))
        #expect(
            !user.lost(old, graceEnd: 1, at: Moment(now: 2, unix: 2100))
                && !user.left(old, at: Moment(now: 2, unix: 2100)))
        #expect(user.openSession(notBefore: 0).messageCount == 1)
        let desk = user.connected(sampleConnection("a", device: "desk", at: 2000), at: 1)
        #expect(desk.replaced == nil && desk.isNewDevice)
    }

    @Test("a device that is back within its grace is not new; past it, it is reported as gone")
    func grace() {
        let user = User(Identifier(unchecked: "a"), number: 7)
        let phone = sampleConnection("a")
        _ = user.connected(phone, at: 1)
        #expect(user.lost(phone, graceEnd: 10, at: Moment(now: 1100, unix: 1100)))
        #expect(user.graceEnded(at: 9).isEmpty && !user.isForgettable)
        let back = sampleConnection("a")
        let arrival = user.connected(back, at: 1)
        #expect(arrival.replaced == nil && !arrival.isNewDevice)
        #expect(user.graceEnded(at: 10).isEmpty)
        #expect(user.lost(back, graceEnd: 20, at: Moment(now: 1200, unix: 1200)))
        #expect(user.graceEnded(at: 20).first === back)
        #expect(user.isForgettable)
    }

    @Test("the inbox is made once, keeps the user, and who is connected has all of it to come")
    func inbox() {
        let user = User(Identifier(unchecked: "a"), number: 35)
        #expect(user.openedInbox == nil && user.inboxPosition(of: "w") == Position(epoch: "w-z", seq: 0))
        let (phone, desk) = (sampleConnection("a"), sampleConnection("a", device: "desk"))
        _ = user.connected(phone, at: 1)
        _ = user.connected(desk, at: 1)
        let inbox = user.openInbox(of: phone.user, epoch: "w", size: 5, in: StoredMessages())
        #expect(
            user.openInbox(of: phone.user, epoch: "w", size: 5, in: StoredMessages()) === inbox
                && user.openedInbox === inbox)
        #expect(inbox.readers.count == 2 && inbox.readers.allSatisfy(\.isLive))
        inbox.log.appendText(at: 100)
        #expect(user.inboxPosition(of: "w") == Position(epoch: inbox.log.epoch, seq: 1))
        let end = Moment(now: 1, unix: 1)
        #expect(user.left(phone, at: end) && user.left(desk, at: end) && !user.isForgettable)
        #expect(inbox.readers.isEmpty)
        inbox.expire(idsBefore: 0, entriesBefore: 101)
        #expect(user.isForgettable)
    }

    @Test("a named device that went before the inbox was made has all of it to come, one without a name nothing")
    func formerDevices() {
        let user = User(Identifier(unchecked: "a"), number: 35)
        let (phone, guest) = (
            sampleConnection("a", isNamed: true), sampleConnection("a", device: "made", isNamed: false)
        )
        for info in [phone, guest] {
            _ = user.connected(info, at: 1)
            #expect(user.left(info, at: Moment(now: 1, unix: 1)))
        }
        #expect(user.remembersDevices)
        let inbox = user.openInbox(of: phone.user, epoch: "w", size: 5, in: StoredMessages())
        inbox.log.appendText(at: 100)
        inbox.acknowledged(Position(epoch: inbox.log.epoch, seq: 1), device: Identifier(unchecked: "desk"))
        inbox.came(phone.device)
        inbox.came(guest.device)
        #expect(inbox.cursor(of: phone.device)?.isAtStart == true)
        #expect(inbox.cursor(of: guest.device)?.seq(in: inbox.log.epoch) == 1)
        user.forgetDevices()
        #expect(!user.remembersDevices)
    }
}
