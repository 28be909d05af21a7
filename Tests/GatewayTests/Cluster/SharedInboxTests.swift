import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("An inbox that nodes share")
struct SharedInboxTests {
    private let ann = Identifier(unchecked: "ann")
    private let bob = Identifier(unchecked: "bob")
    private let phone = Identifier(unchecked: "phone")
    private let desk = Identifier(unchecked: "desk")

    private func body(
        _ id: String, from sender: Identifier, to receiver: Identifier, device: String? = "desk", type: String? = nil
    ) -> [UInt8] {
        var writer = JSONWriter()
        let content = Array(#"{"a":"\u0000"}"#.utf8)
        Array(id.utf8).withUnsafeBytes { id in
            content.withUnsafeBytes { content in
                writer.directBody(
                    to: receiver,
                    MessageHead(id: id, user: sender, device: device.map { Identifier(unchecked: $0) }, time: 7),
                    MessageFields(id: nil, content: content, messageType: nil, replyTo: nil))
            }
        }
        return DirectBody.bytes(
            frame: writer.bytes, device: device.map { Identifier(unchecked: $0) }, deviceType: type)
    }

    private func append(_ body: [UInt8], to inbox: Inbox, of user: Identifier) {
        let position = Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq + 1)
        var writer = JSONWriter()
        body.withUnsafeBytes { bytes in writer.direct(at: position, body: DirectBody(bytes)?.frame ?? bytes) }
        guard let direct = SharedDirect(body) else {
            Issue.record("no direct message")
            return
        }
        _ = inbox.appendShared(writer.bytes, audience: direct.audience(of: user), at: 7)
    }

    private func inbox(of user: Identifier, _ bodies: [[UInt8]]) -> Inbox {
        let inbox = User(user, number: 1).openInbox(of: user, epoch: "w", size: 10, in: StoredMessages())
        for body in bodies { append(body, to: inbox, of: user) }
        return inbox
    }

    @Test("a body says whose message it is, to whom, and for which devices")
    func reading() {
        let kept = KeptMessage(body("x", from: ann, to: bob, type: "tv"))
        #expect(kept?.user == ann && kept?.receiver == bob && kept?.time == 7)
        #expect(kept?.id == KeptMessage.directID(Array("x".utf8), to: bob))
        #expect(kept?.id != KeptMessage(body("x", from: ann, to: ann))?.id)
        let receivers = SharedDirect(body("x", from: ann, to: bob, type: "tv"))?.audience(of: bob)
        #expect(receivers?.includes(device: desk, type: "tv") == true)
        #expect(receivers?.includes(device: desk, type: "web") == false && receivers?.isOwnCopy == false)
        let own = SharedDirect(body("x", from: ann, to: bob, type: "tv"))?.audience(of: ann)
        #expect(own?.includes(device: desk, type: "tv") == false)
        #expect(own?.includes(device: phone, type: nil) == true && own?.isOwnCopy == true)
        for text in ["", ",", #","id":"x","user":"ann","content":1,"ts":1}"#] {
            #expect(SharedDirect(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test("what is restored from an inbox is the same message for the same devices")
    func bodies() {
        let bodies = [
            body("1", from: ann, to: bob, device: nil, type: "tv"), body("2", from: bob, to: ann),
            body("3", from: ann, to: bob, device: nil),
        ]
        let inbox = inbox(of: bob, bodies)
        #expect(inbox.bodies.map(\.seq) == [1, 2, 3] && inbox.bodies.map(\.body) == bodies)
        #expect(inbox.held(like: bodies[1])?.seq == 2)
        // The same id to somebody else is another message.
        #expect(!MessageKey.areSame(bodies[0], body("1", from: ann, to: ann)))
    }

    @Test("a node's answer on where a user is means the same when it is read")
    func deviceRooms() {
        let rooms = ["a b", "c"].map { Identifier(unchecked: $0) }
        let answer = DeviceRoomsAnswer(
            question: 3, boot: "b",
            rooms: [DeviceRooms(device: phone, rooms: rooms), DeviceRooms(device: desk, rooms: [])])
        #expect(DeviceRoomsAnswer(answer.payload) == answer)
        for text in ["", "x\nb", "1", "1\nb\n\troom", "1\nb\nde/vice"] {
            #expect(DeviceRoomsAnswer(Array(text.utf8)) == nil, "\(text)")
        }
    }
}
