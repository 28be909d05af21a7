import Core
import Testing

@testable import Gateway

@Suite("The rooms that a connection is in")
struct RoomMembershipsTests {
    private let homes: FakeHomes
    private let delivery: LocalDelivery<TestMember>

    init() throws {
        homes = try FakeHomes()
        delivery = LocalDelivery(homes.core, find: { _ in nil })
    }

    private func members(_ room: String) -> LocalMembers<TestMember> {
        delivery.open(Identifier(unchecked: room), owner: nil)
    }

    @Test("Nobody pays for further rooms but who is in them")
    func size() {
        #expect(MemoryLayout<RoomMemberships<TestMember>>.size == 12)
        #expect(MemoryLayout<ConnectionPhase>.size == 8 && MemoryLayout<Heartbeat>.size == 8)
    }

    /// Facts of a value that is never copied.
    private struct Facts: Equatable {
        var rooms: [String]
        var target: String?
        var isAlone: Bool

        init(_ rooms: [String], target: String?, isAlone: Bool) {
            (self.rooms, self.target, self.isAlone) = (rooms, target, isAlone)
        }

        init(_ memberships: borrowing RoomMemberships<TestMember>) {
            rooms = memberships.rooms.map(\.text)
            target = memberships.target(nil)?.room.text
            isAlone = memberships.isURLRoomAlone
        }
    }

    @Test("A frame without a room means the URL's, while the connection is in it")
    func target() {
        var memberships = RoomMemberships<TestMember>()
        #expect(Facts(memberships) == Facts([], target: nil, isAlone: true))
        let (url, other) = (members("url"), members("other"))
        memberships.entered(url, at: 3, isURLRoom: true)
        #expect(Facts(memberships) == Facts(["url"], target: "url", isAlone: true))
        var found = (memberships.target(url.room), memberships.target(other.room))
        #expect(found.0 === url && found.1 == nil)
        memberships.entered(other, at: 1, isURLRoom: false)
        #expect(Facts(memberships) == Facts(["url", "other"], target: "url", isAlone: false))
        found = (memberships.target(url.room), memberships.target(other.room))
        #expect(found.0 === url && found.1 === other)
        let left = (memberships.left(url.room), memberships.left(url.room))
        #expect(left.0?.index == 3 && left.1 == nil)
        #expect(Facts(memberships) == Facts(["other"], target: nil, isAlone: false))
        let (isURLRoom, isIn) = (memberships.isURLRoom(url.room), memberships.contains(url))
        #expect(isURLRoom && !isIn)
    }

    @Test("Places are as a list of rooms has them, whatever comes and goes")
    func random() {
        let seed = UInt64.random(in: 1...UInt64.max)
        var random = FastRandom(seed: seed)
        var rooms = RoomMemberships<TestMember>()
        var model: [(room: String, index: Int32)] = []
        var hasURLRoom = false
        for step in 0..<2000 {
            let name = "r\(Int.random(in: 0..<5, using: &random))"
            let place = model.firstIndex { $0.room == name }
            switch (Int.random(in: 0..<10, using: &random), place) {
            case (0..<5, nil):
                let index = Int.random(in: 0..<100, using: &random)
                let isURLRoom = !hasURLRoom || rooms.isURLRoom(Identifier(unchecked: name))
                hasURLRoom = true
                rooms.entered(members(name), at: index, isURLRoom: isURLRoom)
                model.insert((name, Int32(index)), at: isURLRoom ? 0 : model.count)
            case (0..<5, let place?):
                model[place].index = Int32(step)
                rooms.moved(in: members(name), to: step)
            case (5..<9, _):
                let left = rooms.left(Identifier(unchecked: name))
                #expect(left?.index == place.map { model[$0].index }, "seed \(seed)")
                if let place { model.remove(at: place) }
            default:
                guard Int.random(in: 0..<10, using: &random) == 0 else { continue }
                var left: [String] = []
                while let next = rooms.leftNext() { left.append(next.members.room.text) }
                #expect(left.sorted() == model.map(\.room).sorted(), "seed \(seed)")
                model = []
                hasURLRoom = false
            }
            let (found, count) = (rooms.rooms.map(\.text), rooms.count)
            #expect(found == model.map(\.room) && count == model.count, "seed \(seed)")
        }
    }
}
