import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("The list of users who are online")
struct OnlineUsersTests {
    private func user(_ name: String, _ devices: Int = 1, _ nodes: [String] = ["n"]) -> OnlineUser {
        OnlineUser(user: Identifier(unchecked: name), devices: devices, nodes: nodes)
    }

    @Test("A page is by id; a user of several nodes is one, and says all of them")
    func pages() {
        let found = [user("c"), user("a"), user("b", 2, ["n", "m"]), user("b", 3, ["m"])]
        let all = OnlinePage(found, limit: 3)
        #expect(all.users == [user("a"), user("b", 3, ["m", "n"]), user("c")] && all.next == nil)
        let two = OnlinePage(found, limit: 2)
        #expect(two.users.map(\.user.text) == ["a", "b"] && two.next?.text == "b")
        #expect(OnlinePage([], limit: 1).users.isEmpty && OnlinePage([], limit: 1).next == nil)
        let text = two.response(missing: ["m"]).text
        #expect(text.contains(#"{"user":"b","devices":3,"nodes":["m","n"]}"#))
        #expect(text.contains(#""next_cursor":"b","missing_nodes":["m"]"#))
    }

    @Test("Questions and answers of nodes are read; what is none is not")
    func words() {
        for cursor in [nil, Identifier(unchecked: "ann")] {
            let question = OnlineQuestion(answerChannel: "c", number: 7, boot: "b", after: cursor, limit: 500)
            #expect(OnlineQuestion(question.payload) == question)
        }
        for users in [[], [user("a"), user("b c", 12, ["n", "m"])]] {
            let answer = OnlineAnswer(question: 3, boot: "b", users: users)
            #expect(OnlineAnswer(answer.payload) == answer)
        }
        let order = OrderAnswer(question: 3, boot: "b", connections: 2)
        #expect(OrderAnswer(order.payload) == order)
        for text in ["", "?1\nc\n1\nb\n0\n", "?1\nc\n1\nb\n501\n", "?2\nc\n1\nb\n5\n", "?1\nc\n1\nb\n5\na/b", "?1\nc"] {
            #expect(OnlineQuestion(Array(text.utf8)) == nil, "\(text)")
        }
        for text in ["", "1", "1\nb\na", "1\nb\na\nx\nn", "1\nb\na/b\n1\nn", "1\nb\na\n0\nn", "x\nb"] {
            #expect(OnlineAnswer(Array(text.utf8)) == nil, "\(text)")
        }
        for text in ["", "1\nb", "1\nb\n-1", "1\nb\nx", "x\nb\n1", "1\nb\n1\n"] {
            #expect(OrderAnswer(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test("A user is listed from the first connection to the end of the last one's grace", arguments: Mode.allCases)
    func listing(mode: Mode) throws {
        let worker = try mode.worker(["PRESENCE_GRACE_SECONDS": "300"])
        func listed(after cursor: String? = nil, limit: Int = 10) -> [String] {
            worker.users.describeOnline(after: cursor.map { Identifier(unchecked: $0) }, limit: limit)
                .map { "\($0.user.text) \($0.devices)" }
        }
        func attach(_ user: String, _ key: UInt64, _ device: String) throws -> ConnectionInfo {
            let id = Identifier(unchecked: user)
            worker.users.received(
                .attach(
                    Arrival(
                        user: id, device: Identifier(unchecked: device), deviceType: nil, worker: 0, socketKey: key,
                        windowBits: 0)), of: id)
            for case (key, .opening(_, .attached(let info, _, _, _))) in worker.sent { return info }
            throw Missing()
        }
        struct Missing: Error {}
        let (bob, desk) = (try attach("bob", 1, "d"), try attach("ann", 2, "desk"))
        let phone = try attach("ann", 3, "phone")
        #expect(listed() == ["ann 2", "bob 1"] && listed(after: "ann") == ["bob 1"] && listed(limit: 0) == ["ann 2"])
        // The same device again is no further one.
        let other = try attach("ann", 4, "phone")
        #expect(listed() == ["ann 2", "bob 1"])
        for info in [desk, phone, other] { worker.users.received(.detach(info, atOnce: false), of: info.user) }
        #expect(listed() == ["ann 2", "bob 1"])
        worker.users.received(.detach(bob, atOnce: true), of: bob.user)
        #expect(listed() == ["ann 2"])
        let again = try attach("bob", 5, "d")
        #expect(listed() == ["ann 2", "bob 1"])
        worker.users.received(.detach(again, atOnce: true), of: bob.user)
        #expect(listed() == ["ann 2"])
    }

    @Test("Without a grace a user goes from the list with the last connection", arguments: Mode.allCases)
    func graceless(mode: Mode) throws {
        let worker = try mode.worker(["PRESENCE_GRACE_SECONDS": "0"])
        let id = Identifier(unchecked: "ann")
        worker.users.received(
            .attach(
                Arrival(user: id, device: nil, deviceType: nil, worker: 0, socketKey: 1, windowBits: 0)), of: id)
        let infos = worker.sent.compactMap {
            if case .opening(_, .attached(let info, _, _, _)) = $0.message { info } else { nil }
        }
        #expect(infos.count == 1 && worker.users.describeOnline(after: nil, limit: 1).count == 1)
        worker.users.received(.detach(infos[0], atOnce: false), of: id)
        worker.users.ticked()
        #expect(worker.users.describeOnline(after: nil, limit: 1).isEmpty)
    }
}
