import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("The opening phase of a connection, without a socket")
struct OpeningPhaseTests {
    private let room = Identifier(unchecked: "room")

    /// A connection that has just been answered 101.
    private func begin(
        _ environment: [String: String] = [:], place: SocketPlace = .within, entry: Upgrade.Entry = .admitted(nil),
        isLetInToResume: Bool = false
    ) throws -> (FakeHomes, FakeMember, OpeningPhase) {
        let homes = try FakeHomes(environment)
        let member = FakeMember(homes.core, 7)
        let opening = OpeningPhase(
            Opening(
                room: room, user: Identifier(unchecked: "ann"), device: Identifier(unchecked: "phone"),
                deviceType: "mobile", position: Position(epoch: "e", seq: 5), isLetInToResume: isLetInToResume))
        member.opening = opening
        member.beginWait()
        opening.began(place, entry, on: member)
        return (homes, member, opening)
    }

    /// A frame of its own.
    private func frame(_ text: String) -> FrameSlice {
        let buffer = Array(text.utf8).withUnsafeBytes { FrameEncoder.frame(.text, $0) }
        return FrameSlice(buffer: buffer, offset: 0, length: buffer.count)
    }

    /// The user's home lets it in.
    private func attach(_ homes: FakeHomes, _ member: FakeMember, _ opening: OpeningPhase, _ replay: InboxReplay) {
        opening.attached(
            homes.info("ann", 7),
            WelcomeFrame.SessionState(id: "s", isResumed: false, messageCount: 0, lastActiveAt: nil),
            WelcomeFrame.InboxState(position: Position(epoch: "i", seq: 0), pending: 0), replay, on: member)
    }

    @Test("The user's home is asked, then the room with the client's position, and then the chat begins")
    func wholeWay() throws {
        let (homes, member, opening) = try begin()
        #expect(homes.takeAsked() == ["attach ann phone mobile 7"])
        #expect(member.isCounted && member.hasHeartbeat && member.isWaiting)
        #expect(homes.core.context.connections.count == 1)
        attach(homes, member, opening, InboxReplay(frames: [frame("direct")], nextAfter: nil))
        let texts = member.takeTexts()
        #expect(texts.count == 2 && texts[0].contains(#""type":"welcome""#) && texts[1] == "direct")
        #expect(homes.takeAsked() == ["join room from e:5"])
        opening.received(.joined(room, [frame("joined")], isLive: true, reached: 0), on: member)
        #expect(member.takeTexts() == ["joined"] && member.isChatting && !member.isWaiting)
        #expect(member.rooms == ["room"] && member.isInURLRoomAlone)
        #expect(member.delivery.open(room, owner: nil).count == 1)
    }

    @Test("At another tier than normal the client gets it behind the welcome")
    func tier() throws {
        let (homes, member, opening) = try begin()
        homes.core.load.adopt(.of(.heavy), reason: "test", homes.core.configuration, at: homes.core.loop.now)
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        let texts = member.takeTexts()
        #expect(texts.count == 2 && texts[1].contains(#""type":"tier""#) && texts[1].contains(#""tier":"heavy""#))
    }

    @Test("Inbox and room come in parts: the next one is asked for when the last one is with the kernel, once")
    func parts() throws {
        let (homes, member, opening) = try begin()
        _ = homes.takeAsked()
        member.queuedBytes = 100
        attach(homes, member, opening, InboxReplay(frames: [frame("1")], nextAfter: 1))
        #expect(homes.takeAsked().isEmpty)
        for _ in 0..<2 { opening.drained(on: member) }
        #expect(homes.takeAsked() == ["continue inbox 1"])
        // A part that held nothing for this device leaves nothing to be drained.
        member.queuedBytes = 0
        opening.received(.inboxReplayed(InboxReplay(frames: [], nextAfter: 2)), on: member)
        #expect(homes.takeAsked() == ["continue inbox 2"])
        opening.received(.inboxReplayed(InboxReplay(frames: [], nextAfter: nil)), on: member)
        #expect(homes.takeAsked() == ["join room from e:5"])
        opening.drained(on: member)
        #expect(homes.takeAsked().isEmpty)
        opening.received(.joined(room, [frame("6")], isLive: false, reached: 6), on: member)
        for _ in 0..<2 { opening.drained(on: member) }
        #expect(homes.takeAsked() == ["continue room 6"] && !member.isChatting)
        opening.received(.joined(room, [], isLive: true, reached: 0), on: member)
        #expect(member.isChatting)
    }

    @Test(
        "One that is too many for the node or its address is closed with the code that says so",
        arguments: [(SocketPlace.nodeFull, CloseCode.overCapacity), (.addressFull, .tooManyConnections)])
    func full(place: SocketPlace, code: CloseCode) throws {
        let (homes, member, _) = try begin(place: place)
        #expect(member.closes.map(\.code) == [code] && homes.takeAsked().isEmpty)
        #expect(homes.core.counters.count(try #require(place.refusal)) == 1)
        #expect(!member.isCounted && homes.core.context.connections.count == 0)
    }

    @Test("A connection that the load lets not in is closed at once, and counted nowhere")
    func shed() throws {
        let (homes, member, _) = try begin(entry: .shed(retryMilliseconds: 1234))
        #expect(member.closes.map(\.code) == [.tryAgainLater] && member.closes[0].text.contains("1234"))
        #expect(!member.isCounted && !member.hasHeartbeat && homes.takeAsked().isEmpty)
    }

    @Test("Whose position no history knows is new: where only those come in who resume, it is closed as shed")
    func positionUnknown() throws {
        let (homes, member, opening) = try begin(isLetInToResume: true)
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        _ = homes.takeAsked()
        opening.received(.positionUnknown(Identifier(unchecked: "other")), on: member)
        #expect(member.closes.isEmpty)
        opening.received(.positionUnknown(room), on: member)
        #expect(member.closes.map(\.code) == [.tryAgainLater])
        #expect(homes.core.counters.count(.shed) == 1)
        #expect(homes.takeAsked() == ["lost room", "detach ann"])
    }

    @Test("Where everybody comes in, an unknown position only makes a gap")
    func positionUnknownAmongAll() throws {
        let (homes, member, opening) = try begin()
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        opening.received(.positionUnknown(room), on: member)
        opening.received(.joined(room, [], isLive: true, reached: 0), on: member)
        #expect(member.closes.isEmpty && member.isChatting)
    }

    @Test("A full room closes the connection, and does not hear of it again")
    func roomFull() throws {
        let (homes, member, opening) = try begin()
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        _ = (homes.takeAsked(), member.takeTexts())
        opening.received(.joinRefused(Identifier(unchecked: "other"), .roomFull), on: member)
        #expect(member.closes.isEmpty)
        opening.received(.joinRefused(room, .roomFull), on: member)
        #expect(member.takeTexts().first?.contains(#""code":"room_full""#) == true)
        #expect(member.closes.map(\.code) == [.overCapacity])
        #expect(homes.takeAsked() == ["detach ann"])
    }

    @Test("A room that is deleted while its replay is under way closes the connection")
    func roomDeleted() throws {
        let (homes, member, opening) = try begin()
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        opening.received(.joined(room, [], isLive: false, reached: 6), on: member)
        _ = (homes.takeAsked(), member.takeTexts())
        opening.received(.roomDeleted(room), on: member)
        #expect(member.takeTexts().first?.contains(#""reason":"deleted""#) == true)
        #expect(member.closes.map(\.code) == [.removed] && member.closes[0].text == #"{"reason":"room_deleted"}"#)
        #expect(homes.takeAsked() == ["left room", "detach ann at once"])
    }

    @Test("A connection that is lost while it waits for the room takes its request back")
    func lost() throws {
        let (homes, member, opening) = try begin()
        attach(homes, member, opening, InboxReplay(frames: [], nextAfter: nil))
        _ = homes.takeAsked()
        member.leave(atOnce: false)
        #expect(homes.takeAsked() == ["lost room", "detach ann"])
        #expect(member.info == nil && !member.isCounted)
        // Once.
        member.leave(atOnce: false)
        #expect(homes.takeAsked().isEmpty)
    }
}
