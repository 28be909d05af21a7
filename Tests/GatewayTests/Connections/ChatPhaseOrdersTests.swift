import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("An operator's orders to a connection, without a socket")
struct ChatPhaseOrdersTests {
    private let homes: FakeHomes
    private let member: FakeMember
    private let counts = Counts()

    private final class Counts { var said: [Int] = [] }

    /// A connection in the room `url`.
    init() throws {
        homes = try FakeHomes(TestTokens.environment.merging(["MAX_ROOMS_PER_CONNECTION": "2"]) { $1 })
        member = FakeMember(homes.core, 7, info: homes.info("ann", 7))
        member.enter(Identifier(unchecked: "url"), isURLRoom: true)
    }

    private func order(_ room: String, isEntry: Bool) {
        let tally = OrderTally { [counts] in counts.said.append($0) }
        let order = RoomOrder(room: Identifier(unchecked: room), isEntry: isEntry)
        ChatPhase(on: member).received(PendingOrder(order, tally))
    }

    private func joined(_ room: String) {
        ChatPhase(on: member).received(.joined(Identifier(unchecked: room), [], isLive: true, reached: 0))
    }

    private func left(_ room: String) {
        ChatPhase(on: member).received(.leftRoom(Identifier(unchecked: room), reason: "left"))
    }

    @Test("In, and out again: the connection counts once it is there, and input waits meanwhile")
    func both() {
        order("a", isEntry: true)
        #expect(homes.takeAsked() == ["join a"] && member.isWaiting && counts.said.isEmpty)
        joined("a")
        #expect(member.rooms == ["url", "a"] && !member.isWaiting && counts.said == [1])
        order("a", isEntry: true)
        #expect(homes.takeAsked().isEmpty && !member.isWaiting && counts.said == [1, 1])
        order("a", isEntry: false)
        #expect(homes.takeAsked() == ["leave a"] && member.isWaiting)
        left("a")
        #expect(member.takeTexts() == [#"{"type":"left_room","room":"a","reason":"removed"}"#])
        #expect(member.rooms == ["url"] && !member.isWaiting && counts.said == [1, 1, 1] && member.closes.isEmpty)
        order("a", isEntry: false)
        #expect(homes.takeAsked().isEmpty && counts.said == [1, 1, 1, 0])
    }

    @Test("Out of the URL's room it is closed, as when that is deleted")
    func urlRoom() {
        order("url", isEntry: false)
        left("url")
        #expect(member.takeTexts().last == #"{"type":"left_room","room":"url","reason":"removed"}"#)
        #expect(member.closes.map(\.code.rawValue) == [4004] && counts.said == [1])
    }

    @Test("A full room, one too many for the connection, and one outside its token do not count, and it hears nothing")
    func refused() throws {
        order("full", isEntry: true)
        ChatPhase(on: member).received(.joinRefused(Identifier(unchecked: "full"), .roomFull))
        #expect(counts.said == [0] && !member.isWaiting && member.rooms == ["url"])
        member.enter(Identifier(unchecked: "second"), isURLRoom: false)
        _ = homes.takeAsked()
        order("third", isEntry: true)
        #expect(counts.said == [0, 0] && homes.takeAsked().isEmpty && !member.isWaiting)
        member.exit(Identifier(unchecked: "second"))
        let token = try TestTokens.make("ann", expiresAt: homes.core.loop.unixNow + 60_000, rooms: ["url", "a*"])
        member.receive(#"{"type":"token","token":"\#(token)"}"#)
        _ = member.takeTexts()
        order("b", isEntry: true)
        #expect(counts.said == [0, 0, 0] && homes.takeAsked().isEmpty)
        order("abc", isEntry: true)
        joined("abc")
        #expect(counts.said == [0, 0, 0, 1] && member.takeTexts().isEmpty)
    }

    @Test("Orders wait behind the client's own request, and for each other; its own leave is not taken for one")
    func turns() {
        member.enter(Identifier(unchecked: "a"), isURLRoom: false)
        member.receive(#"{"type":"leave","room":"a"}"#)
        #expect(homes.takeAsked() == ["leave a"])
        order("a", isEntry: false)
        order("b", isEntry: true)
        #expect(homes.takeAsked().isEmpty)
        left("a")
        // It is out already; the next one begins.
        #expect(member.takeTexts() == [#"{"type":"left_room","room":"a","reason":"left"}"#])
        #expect(counts.said == [0] && homes.takeAsked() == ["join b"] && member.isWaiting)
        joined("b")
        #expect(counts.said == [0, 1] && !member.isWaiting && member.rooms == ["url", "b"])
    }

    @Test("A connection that goes, and a room that goes, leave no order without its count")
    func gone() {
        order("a", isEntry: true)
        ChatPhase(on: member).received(.roomDeleted(Identifier(unchecked: "a")))
        #expect(counts.said == [0] && !member.isWaiting)
        _ = homes.takeAsked()
        order("b", isEntry: true)
        order("c", isEntry: true)
        member.leaveEverything(atOnce: false)
        #expect(counts.said == [0, 0, 0])
        #expect(homes.takeAsked() == ["join b", "lost b", "lost url", "detach ann"])
    }
}
