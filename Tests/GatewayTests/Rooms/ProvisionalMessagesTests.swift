import Core
import Rooms
import Testing

@testable import Gateway

@Suite("Messages that were delivered without a place, and who knows them")
struct ProvisionalMessagesTests {
    private let ann = Self.member("ann")
    private let bob = Self.member("bob")

    private static func member(_ name: String, key: UInt32 = 1) -> ConnectionInfo {
        ConnectionInfo(
            user: Identifier(unchecked: name), device: Identifier(unchecked: "phone"), deviceType: nil, worker: 0,
            socketKey: UInt64(key), connectedAt: 0, userNumber: key, windowBits: 0)
    }

    private func message(_ number: UInt64) -> Submission {
        let message = Submission(
            user: Identifier(unchecked: "ann"), id: [1], rawID: [1], body: [1], time: 1, author: .connection(ann))
        var waiting = Submissions()
        for _ in 0..<number { _ = waiting.append(message, isProvisional: true) }
        return waiting.append(message, isProvisional: true)
    }

    private func messages(_ count: Int) -> ProvisionalMessages {
        var messages = ProvisionalMessages()
        for _ in 0..<count { messages.delivered() }
        return messages
    }

    @Test("Who was in before knows all; a newcomer is shown what waits")
    func newcomers() {
        var messages = messages(2)
        #expect(messages.wentLive(bob, resumes: false, oldest: 7).first == 7)
        #expect(messages.isKnown(message(7), to: ann) && messages.isKnown(message(7), to: bob))
        #expect(!messages.isKnown(message(6), to: bob) && messages.isKnown(message(6), to: ann))
        #expect(messages.membersWithout(message(6)).map(\.user.text) == ["bob"])
        #expect(messages.membersWithout(message(7)).isEmpty)
    }

    @Test("Who resumes is not shown again what it saw, and knows what it sends once more")
    func resuming() {
        var messages = messages(3)
        messages.departed(bob, next: 9)
        let again = Self.member("bob", key: 2)
        #expect(messages.wentLive(again, resumes: true, oldest: 7).first == 9)
        #expect(!messages.isKnown(message(8), to: again) && messages.isKnown(message(9), to: again))
        messages.repeated(message(8), by: again)
        #expect(messages.isKnown(message(8), to: again) && !messages.isKnown(message(7), to: again))
        messages.departed(again, next: 9)
        #expect(messages.membersWithout(message(7)).isEmpty)
    }

    @Test("Who sends once more before it goes live knows it, and is not shown it again")
    func repeatedEarly() {
        var messages = messages(3)
        messages.repeated(message(8), by: bob, isLive: false)
        let shown = messages.wentLive(bob, resumes: false, oldest: 7)
        #expect(shown.first == 7 && shown.repeated == [8] && messages.isKnown(message(8), to: bob))
        messages.repeated(message(9), by: ann, isLive: false)
        messages.departed(ann, next: 7)
        #expect(messages.wentLive(ann, resumes: false, oldest: 7).repeated.isEmpty)
    }

    @Test("A connection was not shown what had its place when it came, though members wait for theirs")
    func placedBefore() {
        var messages = messages(3)
        #expect(messages.wentLive(bob, resumes: false, oldest: 4, placed: [5]).first == 4)
        #expect([4, 5, 6].map { messages.isKnown(message($0), to: bob) } == [true, false, true])
        messages.repeated(message(5), by: bob)
        #expect(messages.isKnown(message(5), to: bob))
    }

    @Test("Who has heard of a place waits for it no longer, and others do")
    func heard() {
        var messages = messages(2)
        messages.heard([1], by: bob)
        #expect(!messages.isKnown(message(1), to: bob) && messages.isKnown(message(2), to: bob))
        #expect(messages.isKnown(message(1), to: ann))
        messages.departed(bob, next: 3)
        #expect(messages.membersWithout(message(1)).isEmpty)
    }

    @Test("What a connection was not shown it does not know when all have their places, either")
    func placed() {
        var messages = messages(2)
        messages.departed(bob, next: 2)
        let again = Self.member("bob", key: 2)
        _ = messages.wentLive(again, resumes: true, oldest: 0)
        for _ in 0..<2 { messages.ended() }
        #expect(!messages.isKnown(message(1), to: again) && messages.count == 0)
        // What a device has not seen counts while messages wait only.
        let later = Self.member("bob", key: 3)
        messages.delivered()
        #expect(messages.wentLive(later, resumes: true, oldest: 5).first == 5)
    }
}
