import Core
import Rooms
import Testing
import Tokens
import WireProtocol

@testable import Gateway

@Suite("What a connection's token lets it do, without a socket")
struct ChatPhaseTokenTests {
    private let homes: FakeHomes
    private let member: FakeMember

    /// A connection in the room `url` of a node that asks for tokens.
    init() throws {
        homes = try FakeHomes(TestTokens.environment)
        member = FakeMember(homes.core, 7, info: homes.info("ann", 7))
        member.enter(Identifier(unchecked: "url"), isURLRoom: true)
    }

    private var later: Int { homes.core.loop.unixNow + 60_000 }

    /// A fresh token comes.
    private func renew(_ token: String) { member.receive(#"{"type":"token","id":"i","token":"\#(token)"}"#) }

    private func left(_ room: String) {
        ChatPhase(on: member).received(.leftRoom(Identifier(unchecked: room), reason: "left"))
    }

    @Test("A fresh token is answered with its end, and holds from then on")
    func renewed() throws {
        renew(try TestTokens.make("ann", expiresAt: later))
        #expect(member.takeTexts() == [#"{"type":"token","expires_at":\#(later / 1000 * 1000)}"#])
        #expect(member.grant?.claims.user.text == "ann" && member.timer == homes.core.loop.now && !member.isWaiting)
    }

    @Test("A bad token is an error and changes nothing")
    func bad() throws {
        let good = try TestTokens.make("ann", expiresAt: later)
        renew(good)
        let grant = member.grant
        _ = member.takeTexts()
        let bad = ["", "x", try TestTokens.make("bob", expiresAt: later), try TestTokens.make("ann", expiresAt: 0)]
        for token in bad {
            renew(token)
            let text = member.takeTexts().joined()
            #expect(text.contains(#""code":"forbidden""#) && text.contains(#""id":"i""#), "\(text)")
            #expect(token.isEmpty || !text.contains(token + "\""))
        }
        #expect(member.grant === grant && member.closes.isEmpty)
        #expect(homes.core.counters.count(MessageRefusal.forbidden) == bad.count)
    }

    @Test("Rooms that a fresh token does not name are left one after the other, while input waits")
    func leaves() throws {
        for room in ["a", "b", "c"] { member.enter(Identifier(unchecked: room), isURLRoom: false) }
        renew(try TestTokens.make("ann", expiresAt: later, rooms: ["b"], listenedRooms: ["quiet"]))
        #expect(member.isWaiting && homes.takeAsked() == ["leave url"])
        _ = member.takeTexts()
        left("url")
        #expect(member.takeTexts() == [#"{"type":"left_room","room":"url","reason":"forbidden"}"#])
        #expect(member.isWaiting && homes.takeAsked() == ["leave a"])
        left("a")
        #expect(member.isWaiting && homes.takeAsked() == ["leave c"])
        left("c")
        #expect(!member.isWaiting && member.rooms == ["b"] && member.closes.isEmpty)
        left("b")
        #expect(member.takeTexts().last?.contains(#""reason":"left""#) == true)
    }

    @Test("A room outside the token is forbidden; one for listening may be joined, and nothing is said there")
    func rooms() throws {
        renew(try TestTokens.make("ann", expiresAt: later, rooms: ["url"], listenedRooms: ["quiet"]))
        member.receive(#"{"type":"join","room":"a"}"#)
        #expect(member.takeTexts().last?.contains(#""code":"forbidden""#) == true && !member.isWaiting)
        _ = homes.takeAsked()
        member.receive(#"{"type":"join","room":"quiet"}"#)
        #expect(homes.takeAsked().count == 1 && member.isWaiting)
        ChatPhase(on: member).received(.joined(Identifier(unchecked: "quiet"), [], isLive: true, reached: 0))
        for frame in [
            #""message","id":"i","content":1"#, #""typing","typing":true"#, #""signal","name":"s""#,
            #""read","seq":1"#,
        ] {
            member.receive(#"{"room":"quiet","type":\#(frame)}"#)
            let text = member.takeTexts().joined()
            #expect(text.contains(#""code":"forbidden""#) && text.contains(#""room":"quiet""#), "\(frame): \(text)")
        }
        #expect(homes.takeAsked().isEmpty && member.unansweredCount == 0)
        member.receive(#"{"room":"quiet","type":"history"}"#)
        #expect(homes.takeAsked().count == 1)
    }

    @Test("The timer reminds the client of the end, and closes the connection at it; without a token it does nothing")
    func timer() throws {
        #expect(ChatPhase(on: member).lookAtToken() == .max)
        let (now, unixNow) = (homes.core.loop.now, homes.core.loop.unixNow)
        renew(try TestTokens.make("ann", expiresAt: unixNow + 3_600_000))
        let due = try #require(ChatPhase(on: member).lookAtToken())
        #expect((now + 3_569_000...now + 3_570_000).contains(due))
        let claims = try #require(member.grant?.claims)
        member.grant = TokenGrant(claims, at: claims.expiresAt - 1)
        member.grant?.term = TokenTerm(expiresAt: unixNow + 10_000, at: unixNow - 50_000)
        _ = member.takeTexts()
        #expect(ChatPhase(on: member).lookAtToken() == now + 10_000)
        #expect(member.takeTexts() == [#"{"type":"token","expires_at":\#(unixNow + 10_000)}"#])
        member.grant?.term = TokenTerm(expiresAt: unixNow, at: unixNow - 1)
        #expect(ChatPhase(on: member).lookAtToken() == nil)
        #expect(member.closes.map(\.code.rawValue) == [4001] && member.closes[0].text.contains("token_expired"))
    }

    @Test("A node that asks for no tokens takes none")
    func withoutTokens() throws {
        let open = try FakeHomes()
        let member = FakeMember(open.core, 7, info: open.info("ann", 7))
        member.receive(#"{"type":"token","token":"x"}"#)
        #expect(member.takeTexts().joined().contains(#""code":"forbidden""#) && member.grant == nil)
        member.receive(#"{"type":"token"}"#)
        #expect(member.takeTexts().joined().contains(#""code":"bad_frame""#))
    }
}
