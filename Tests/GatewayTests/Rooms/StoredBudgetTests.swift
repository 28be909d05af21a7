import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("The node's budgets of rooms and of stored messages")
struct StoredBudgetTests {
    private let megabyte = 1 << 20

    private func id(_ name: String) -> Identifier { Identifier(unchecked: name) }

    private func fields(_ bytes: Int, id: String? = nil) -> OwnedMessageFields {
        TestWorker.withFields(String(repeating: "x", count: bytes), id: id) { OwnedMessageFields($0) }
    }

    /// As an HTTP request: nobody is in the room afterwards.
    private func publish(_ room: String, _ bytes: Int, _ worker: TestWorker) {
        let responder = Responder(worker: 0, socketKey: 1, request: 1)
        worker.rooms.received(.asked(.publish(fields(bytes), user: id("m")), responder), of: id(room))
        worker.endTurn()
    }

    /// As a member; the texts that it got.
    private func say(_ room: String, _ bytes: Int, _ worker: TestWorker) -> [String] {
        let info = worker.info("ann", 9)
        worker.rooms.received(RemoteMessage(room: id(room), info: info, fields: fields(bytes, id: "m1")))
        worker.endTurn()
        return worker.takeTexts(9)
    }

    private func direct(_ user: String, _ bytes: Int, _ worker: TestWorker) -> [String] {
        let info = worker.info("m", 8)
        let direct = Direct(from: info.user, to: id(user), sender: info, deviceType: nil, fields: fields(bytes))
        worker.users.received(.direct(direct, from: info), of: id(user))
        return worker.takeTexts(8)
    }

    @Test("For a room over MAX_ROOMS the longest empty one goes; an operator's and one that somebody is in stay")
    func rooms() throws {
        let worker = try TestWorker(["MAX_ROOMS": "4"])
        let settings = RoomSettings(usersMax: 2, historySize: 10)
        RoomDirectory(table: worker.rooms).create(id("vip"), settings) { _ in }
        let member = worker.info("ann", 1)
        worker.rooms.received(.join(member, from: nil), of: id("lobby"))
        for name in ["a", "b"] { publish(name, 10, worker) }
        #expect(worker.rooms.count == 4)
        for name in ["c", "d", "e", "f"] { publish(name, 10, worker) }
        #expect(worker.rooms.count == 4 && worker.core.context.budgets.rooms.count == 4)
        #expect(worker.rooms.describe(after: nil, limit: 9).map(\.id.text) == ["e", "f", "lobby", "vip"])
        #expect(worker.rooms.find(id("vip"))?.room.settings.usersMax == 2)
    }

    @Test("Idle rooms go when their time is over, not a millisecond before; an operator's only loses its history")
    func expiry() throws {
        let worker = try TestWorker(["HISTORY_TTL_SECONDS": "1"])
        RoomDirectory(table: worker.rooms).create(id("vip"), RoomSettings(historySize: 10)) { _ in }
        publish("vip", 10, worker)
        publish("r", 10, worker)
        let (loop, last) = (worker.core.loop, worker.core.loop.moment)
        func expire(after milliseconds: Int) {
            loop.pretend(Moment(now: last.now + milliseconds, unix: last.unix + milliseconds))
            worker.rooms.expire()
        }
        expire(after: 999)
        #expect(worker.rooms.count == 2 && worker.rooms.find(id("vip"))?.room.log.count == 1)
        expire(after: 1_000)
        #expect(worker.rooms.count == 1 && worker.rooms.find(id("vip"))?.room.log.count == 0)
        worker.rooms.expire()
        #expect(worker.rooms.count == 1 && worker.core.context.budgets.rooms.count == 1)
    }

    @Test("Where no room can go, one more is refused by name, at n + 1")
    func noRoom() throws {
        let worker = try TestWorker(["MAX_ROOMS": "2"])
        for (key, name) in [(1, "a"), (2, "b"), (3, "c")] as [(UInt64, String)] {
            worker.rooms.received(.join(worker.info("u", key), from: nil), of: id(name))
        }
        #expect(worker.rooms.count == 2)
        let refusals = worker.sent.filter {
            if case .member(_, .joinRefused(_, .roomLimit)) = $0.message { true } else { false }
        }
        #expect(refusals.map(\.key) == [3])
        #expect(say("d", 10, worker).first?.contains(#""code":"room_limit""#) == true)
        // A room that ends makes place.
        #expect(worker.rooms.drop(id("a")) && worker.rooms.open(id("c")) != nil && worker.rooms.open(id("d")) == nil)
    }

    @Test("Histories stay within STORED_BYTES_MAX; the biggest give first, and small ones keep all")
    func histories() throws {
        let worker = try TestWorker(["STORED_BYTES_MAX": "\(megabyte)"])
        for _ in 0..<10 { publish("small", 100, worker) }
        for number in 0..<200 {
            publish("room-\(number % 20)", 60_000, worker)
            let counters = worker.core.counters
            #expect(counters.stored.roomBytes.value <= megabyte + 2 * 70_000)
        }
        #expect(worker.core.stored.messages.bytes <= megabyte + 70_000)
        #expect(worker.rooms.find(id("small"))?.room.log.count == 10)
        #expect(worker.core.counters.count(.storeFull) == 0)
    }

    @Test("An operator's room keeps its history while others fill the node, and makes place for itself")
    func configured() throws {
        let worker = try TestWorker(["STORED_BYTES_MAX": "\(megabyte)"])
        RoomDirectory(table: worker.rooms).create(id("vip"), RoomSettings(historySize: 1000)) { _ in }
        for _ in 0..<5 { publish("vip", 60_000, worker) }
        for number in 0..<50 { publish("room-\(number)", 60_000, worker) }
        let vip = try #require(worker.rooms.find(id("vip")))
        #expect(vip.room.log.count == 5)
        for _ in 0..<50 { publish("vip", 60_000, worker) }
        #expect(vip.room.log.newestSeq == 55 && vip.room.storedBytes <= megabyte + 70_000)
        #expect(worker.core.counters.count(.storeFull) == 0)
    }

    @Test("A direct that waits stays; what can't be kept is refused, and rooms go on")
    func directs() throws {
        let worker = try TestWorker(["STORED_BYTES_MAX": "\(megabyte)"])
        #expect(direct("bob", 10, worker).first?.contains(#""type":"ack""#) == true)
        var refused = 0
        for number in 0..<1000 {
            let answer = direct("x\(number)", 10, worker).first ?? ""
            if answer.contains(#""code":"unavailable""#) && answer.contains("retry_ms") { refused += 1 }
        }
        #expect(refused > 100 && worker.core.counters.count(.storeFull) == refused)
        #expect(worker.users.find(id("bob"))?.inboxPending == 1)
        // Nobody is made for a message that is refused.
        #expect(worker.users.find(id("x999")) == nil)
        publish("r", 1000, worker)
        #expect(worker.rooms.find(id("r"))?.room.log.newestSeq == 1)
        #expect(worker.core.stored.messages.bytes <= megabyte * 5 / 4 + 70_000)
    }

    @Test("What was acked makes place for other directs")
    func acked() throws {
        let worker = try TestWorker(["STORED_BYTES_MAX": "\(megabyte)"])
        while direct("bob", 50_000, worker).first?.contains(#""type":"ack""#) == true {}
        let inbox = try #require(worker.users.find(id("bob"))?.user.openedInbox)
        inbox.acknowledged(Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq), device: nil)
        worker.core.settleStored()
        #expect(direct("bob", 50_000, worker).first?.contains(#""type":"ack""#) == true)
    }

    @Test("Near the memory limit nothing more is stored, until there is place")
    func memoryLimit() throws {
        let worker = try TestWorker()
        #expect(say("r", 100, worker).isEmpty)
        worker.core.context.budgets.stored.allow(0)
        worker.core.settleStored()
        #expect(say("r", 100, worker).first?.contains(#""code":"unavailable""#) == true)
        #expect(direct("bob", 10, worker).first?.contains(#""code":"unavailable""#) == true)
        worker.core.context.budgets.stored.allow(.max)
        worker.core.settleStored()
        #expect(say("r", 100, worker).isEmpty)
    }
}
