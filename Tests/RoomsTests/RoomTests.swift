import Core
import Rooms
import TestSupport
import Testing

@Suite("A room at its home")
struct RoomTests {
    private let stored = StoredMessages()

    private func room(usersMax: Int? = nil, historySize: Int = 100) -> Room {
        Room(
            id: Identifier(unchecked: "room"), settings: RoomSettings(usersMax: usersMax, historySize: historySize),
            isConfigured: false, epoch: "e", createdAt: 1_700_000_000_000, at: 1000, in: stored)
    }

    @Test("full at n + 1; a second device of a user takes no place, and a user who left makes one")
    func full() {
        let room = room(usersMax: 2)
        let (a, b, c) = (sampleConnection("a"), sampleConnection("b"), sampleConnection("c"))
        #expect(room.joined(a, at: 1001) == .joined(isFirst: true))
        #expect(room.joined(b, at: 1002) == .joined(isFirst: true))
        #expect(room.joined(c, at: 1003) == .full)
        #expect(room.userCount == 2 && room.connectionCount == 2 && room.lastActiveAt == 1002 && !room.isIn(c))
        let second = sampleConnection("a", device: "desk")
        #expect(room.joined(second, at: 1004) == .joined(isFirst: false))
        #expect(room.userCount == 2 && room.connectionCount == 3)
        #expect(room.left(b, at: 1005) == .userLeft)
        #expect(room.joined(c, at: 1006) == .joined(isFirst: true))
    }

    @Test("within the grace a user keeps the place and comes back untold")
    func grace() {
        let room = room(usersMax: 1)
        let first = sampleConnection("a")
        _ = room.joined(first, at: 1001)
        #expect(room.lost(first, graceEnd: 500, at: 1002) == .inGrace)
        #expect(room.userCount == 1 && room.connectionCount == 0 && room.connections.isEmpty && !room.isIn(first))
        #expect(room.joined(sampleConnection("b"), at: 1003) == .full)
        #expect(room.graceEnded(first.user, at: 499) == .unnoticed)
        let back = sampleConnection("a")
        #expect(room.joined(back, at: 1004) == .joined(isFirst: false))
        #expect(room.graceEnded(first.user, at: 500) == .unnoticed)
        #expect(room.userCount == 1 && room.isIn(back))
        #expect(room.lost(back, graceEnd: 600, at: 1005) == .inGrace)
        #expect(room.graceEnded(first.user, at: 600) == .userLeft)
        #expect(room.graceEnded(first.user, at: 601) == .unnoticed)
        #expect(room.userCount == 0)
    }

    @Test("the end of one device's grace is unnoticed while another is there")
    func twoDevices() {
        let room = room()
        let (phone, desk) = (sampleConnection("a"), sampleConnection("a", device: "desk"))
        _ = room.joined(phone, at: 1001)
        _ = room.joined(desk, at: 1001)
        #expect(room.lost(phone, graceEnd: 500, at: 1002) == .inGrace)
        #expect(room.left(desk, at: 1003) == .unnoticed)
        #expect(room.left(desk, at: 1004) == .unnoticed && room.lost(desk, graceEnd: 1, at: 1004) == .unnoticed)
        #expect(room.connectionCount == 0 && room.lastActiveAt == 1003)
        #expect(room.graceEnded(phone.user, at: 500) == .userLeft)
    }

    @Test("read marks rise, and are clamped to the newest seq")
    func readMarks() {
        let room = room()
        let user = Identifier(unchecked: "a")
        #expect(room.read(user, upTo: 1) == nil && room.readMark(of: user) == nil)
        for _ in 0..<3 { _ = withText("m") { room.commit($0, from: user, id: nil, time: 1_700_000_000_000, at: 1001) } }
        #expect(room.read(user, upTo: 0) == nil)
        #expect(room.read(user, upTo: 2) == 2)
        #expect(room.read(user, upTo: 2) == nil && room.read(user, upTo: 1) == nil)
        #expect(room.readMark(of: user) == 2)
        #expect(room.read(user, upTo: .max) == 3 && room.readMark(of: user) == 3)
        #expect(room.read(user, upTo: 4) == nil)
    }

    @Test("read marks at n and n + 1: the one furthest behind goes")
    func readMarksMax() {
        let room = room()
        for _ in 0..<3 {
            _ = withText("m") {
                room.commit($0, from: Identifier(unchecked: "a"), id: nil, time: 1_700_000_000_000, at: 1)
            }
        }
        for number in 0..<Room.readMarksMax {
            _ = room.read(Identifier(unchecked: "\(number)"), upTo: number == 77 ? 1 : 2)
        }
        let (behind, other) = (Identifier(unchecked: "77"), Identifier(unchecked: "0"))
        #expect(room.readMark(of: behind) == 1)
        #expect(room.read(other, upTo: 3) == 3 && room.readMark(of: behind) == 1)
        #expect(room.read(Identifier(unchecked: "new"), upTo: 2) == 2)
        #expect(room.readMark(of: behind) == nil && room.readMark(of: other) == 3)
        let kept = (0..<Room.readMarksMax).count { room.readMark(of: Identifier(unchecked: "\($0)")) != nil }
        #expect(kept == Room.readMarksMax - 1)
    }

    @Test("an id is known with the position of its first commit until its window is over")
    func ids() {
        let room = room(historySize: 0)
        let user = Identifier(unchecked: "a")
        #expect(withText("id") { room.known(user, $0) } == nil)
        withText("id") { id in
            _ = withText("m") { room.commit($0, from: user, id: id, time: 1_700_000_000_000, at: 2000) }
            #expect(room.lastActiveAt == 2000)
            #expect(room.known(user, id)?.position == Position(epoch: "e", seq: 1))
            stored.ids.expire(before: 2000)
            #expect(room.known(user, id)?.time == 1_700_000_000_000)
            stored.ids.expire(before: 2001)
            #expect(room.known(user, id) == nil)
        }
    }

    @Test("users come in pages, by id ascending")
    func pages() {
        let room = room()
        for name in ["c", "a", "e", "b", "d"] { _ = room.joined(sampleConnection(name), at: 1001) }
        let first = room.users(after: nil, limit: 3)
        #expect(first.users.map(\.text) == ["a", "b", "c"] && !first.isComplete)
        let second = room.users(after: first.users.last, limit: 2)
        #expect(second.users.map(\.text) == ["d", "e"] && second.isComplete)
        #expect(room.users(after: Identifier(unchecked: "e"), limit: 1).users.isEmpty)
        let others: Set = [Identifier(unchecked: "bb"), Identifier(unchecked: "f")]
        let both = room.users(after: Identifier(unchecked: "b"), limit: 4, with: others)
        #expect(both.users.map(\.text) == ["bb", "c", "d", "e"] && !both.isComplete)
    }

    /// Crosses the length at which a roster gets an index, both ways.
    @Test("random comings and goings against a dictionary", arguments: [11, 12, 13] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let room = room()
        var model = AttendanceModel()
        var (now, most, least) = (0, 0, Int.max)
        for step in 0..<1800 {
            // Phases of filling and emptying.
            let isFilling = step / 300 % 2 == 0
            now += Int.random(in: 0...2, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<(isFilling ? 6 : 1):
                let info = sampleConnection(
                    "user \(Int.random(in: 0..<40, using: &random))",
                    device: "device \(Int.random(in: 0..<3, using: &random))")
                let isFirst = model.entries.allSatisfy { $0.info.user != info.user }
                #expect(room.joined(info, at: now) == .joined(isFirst: isFirst), "seed \(seed), step \(step)")
                model.joined(info)
            case 6, 7:
                guard let info = model.living.randomElement(using: &random) else { continue }
                let end = now + Int.random(in: 0...20, using: &random)
                #expect(room.lost(info, graceEnd: end, at: now) == .inGrace, "seed \(seed), step \(step)")
                model.lost(info, graceEnd: end)
            case 8, 1...3:
                guard let info = model.entries.randomElement(using: &random)?.info else { continue }
                let wasLiving = model.living.contains { $0 === info }
                if wasLiving { model.left(info) }
                let isGone = model.entries.allSatisfy { $0.info.user != info.user }
                let expected: Room.Departure = wasLiving && isGone ? .userLeft : .unnoticed
                #expect(room.left(info, at: now) == expected, "seed \(seed), step \(step)")
            default:
                guard let user = model.entries.randomElement(using: &random)?.info.user else { continue }
                let didExpire = model.expire(user, at: now)
                let isGone = model.entries.allSatisfy { $0.info.user != user }
                let expected: Room.Departure = didExpire && isGone ? .userLeft : .unnoticed
                #expect(room.graceEnded(user, at: now) == expected, "seed \(seed), step \(step)")
            }
            let users = Set(model.entries.map(\.info.user))
            (most, least) = (max(most, users.count), step > 300 ? min(least, users.count) : least)
            let listed = room.users(after: nil, limit: .max).users
            let isSame =
                room.userCount == users.count && room.connectionCount == model.living.count
                && Set(room.connections.map(ObjectIdentifier.init)) == Set(model.living.map(ObjectIdentifier.init))
                && listed == users.sorted()
                && model.living.allSatisfy(room.isIn)
            #expect(isSame, "seed \(seed), step \(step)")
            guard isSame else { return }
        }
        #expect(most > 20 && least < 12, "seed \(seed): \(least) to \(most) users")
    }
}
