import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("Further rooms of a connection, without a socket")
struct ChatPhaseRoomsTests {
    private let homes: FakeHomes
    private let member: FakeMember
    private let url = Identifier(unchecked: "url")
    private let room = Identifier(unchecked: "a")

    /// A connection that is in the URL's room.
    init() throws {
        homes = try FakeHomes(["MAX_ROOMS_PER_CONNECTION": "2"])
        member = FakeMember(homes.core, 7, info: homes.info("ann", 7))
        member.enter(url, isURLRoom: true)
    }

    private func notice(_ notice: MemberNotice) { ChatPhase(on: member).received(notice) }

    private func join(_ room: Identifier) {
        member.receive(#"{"type":"join","room":"\#(room.text)"}"#)
        notice(.joined(room, [], isLive: true, reached: 0))
    }

    @Test("A join goes to the room's home, and input waits until all was replayed")
    func join() {
        member.receive(#"{"type":"join","room":"a","since":5,"epoch":"e"}"#)
        #expect(homes.takeAsked() == ["join a from e:5"] && member.isWaiting)
        notice(.joined(Identifier(unchecked: "other"), [], isLive: true, reached: 0))
        notice(.joined(room, [], isLive: false, reached: 6))
        #expect(member.isWaiting && member.rooms.count == 1)
        for _ in 0..<2 { member.continueRoomReplay() }
        #expect(homes.takeAsked() == ["continue a 6"])
        notice(.joined(room, [], isLive: true, reached: 0))
        #expect(!member.isWaiting && member.rooms == ["url", "a"])
        #expect(!member.isInURLRoomAlone)
    }

    @Test("A connection may be in so many rooms and in no more")
    func limit() {
        join(room)
        _ = homes.takeAsked()
        member.receive(#"{"type":"join","room":"b"}"#)
        #expect(member.takeTexts().first?.contains(#""code":"room_limit""#) == true)
        #expect(homes.takeAsked().isEmpty && !member.isWaiting)
    }

    @Test("A join of a room that the connection is in is answered with its description")
    func known() throws {
        join(room)
        _ = homes.takeAsked()
        member.receive(#"{"type":"join","room":"a"}"#)
        #expect(homes.takeAsked() == ["describe a"] && member.isWaiting)
        let frame = Array("described".utf8).withUnsafeBytes { FrameEncoder.frame(.text, $0) }
        notice(.described(FrameSlice(buffer: frame, offset: 0, length: frame.count)))
        #expect(member.takeTexts() == ["described"] && !member.isWaiting && member.rooms.count == 2)
    }

    @Test("A full room is an error, and the connection goes on")
    func full() {
        member.receive(#"{"type":"join","room":"a"}"#)
        notice(.joinRefused(room, .roomFull))
        #expect(member.takeTexts().first?.contains(#""code":"room_full""#) == true)
        #expect(!member.isWaiting && member.closes.isEmpty && member.rooms == ["url"])
    }

    @Test("A leave waits for the home's answer; one of a room that the connection is not in is an error")
    func leave() {
        join(room)
        _ = homes.takeAsked()
        member.receive(#"{"type":"leave","room":"b"}"#)
        #expect(member.takeTexts().first?.contains(#""code":"not_in_room""#) == true && !member.isWaiting)
        member.receive(#"{"type":"leave","room":"a"}"#)
        #expect(homes.takeAsked() == ["leave a"] && member.isWaiting && member.rooms.count == 2)
        notice(.leftRoom(room, reason: "left"))
        #expect(member.takeTexts().first?.contains(#""type":"left_room""#) == true)
        #expect(!member.isWaiting && member.rooms == ["url"] && member.isInURLRoomAlone)
    }

    @Test("The URL's room can be left and joined again; frames without a room mean it")
    func urlRoom() {
        member.receive(#"{"type":"leave","room":"url"}"#)
        notice(.leftRoom(url, reason: "left"))
        #expect(member.rooms.isEmpty)
        member.receive(#"{"type":"history"}"#)
        #expect(member.takeTexts().last?.contains(#""code":"not_in_room""#) == true)
        join(url)
        #expect(member.rooms == ["url"] && member.isInURLRoomAlone)
        _ = homes.takeAsked()
        member.receive(#"{"type":"message","content":1}"#)
        #expect(homes.takeAsked() == ["publish url"])
    }

    @Test("A deleted room is left; the URL's takes the connection along, and one that was asked for ends the wait")
    func deleted() {
        join(room)
        notice(.roomDeleted(room))
        #expect(member.takeTexts().last?.contains(#""reason":"deleted""#) == true)
        #expect(member.rooms == ["url"] && member.closes.isEmpty)
        member.receive(#"{"type":"join","room":"a"}"#)
        notice(.roomDeleted(room))
        #expect(!member.isWaiting && member.closes.isEmpty)
        notice(.roomDeleted(url))
        #expect(member.closes.map(\.code) == [.removed])
    }

    @Test("A closed connection leaves its rooms and then its user, at once or not", arguments: [true, false])
    func leaveEverything(atOnce: Bool) {
        join(room)
        _ = homes.takeAsked()
        member.leave(atOnce: atOnce)
        let expected = atOnce ? ["left a", "left url", "detach ann at once"] : ["lost a", "lost url", "detach ann"]
        #expect(homes.takeAsked() == expected)
        #expect(member.rooms.isEmpty && member.delivery.open(url, owner: nil).isEmpty)
        member.leave(atOnce: atOnce)
        #expect(homes.takeAsked().isEmpty)
    }
}
