import Core
import TestSupport
import Testing

@testable import ClusterState

/// Bursts whose calls may stand in an expectation.
private final class Bursts {
    private var bursts = PushBursts()

    var count: Int { bursts.count }
    func messageKept(for user: Identifier, isFirst: Bool? = nil, at now: Int) {
        bursts.messageKept(for: user, isFirst: isFirst, at: now)
    }
    func ended(for user: Identifier) { bursts.ended(for: user) }
    func takeDue(at now: Int) -> [Identifier] { bursts.takeDue(at: now) }
    func takeAll() -> [Identifier] { bursts.takeAll() }
}

@Suite("Bursts of messages to absent users")
struct PushBurstsTests {
    private let ann = Identifier(unchecked: "ann")
    private let bob = Identifier(unchecked: "bob")

    @Test("a burst has one push, two seconds after its first message")
    func once() {
        let bursts = Bursts()
        bursts.messageKept(for: ann, at: 0)
        bursts.messageKept(for: ann, at: 1_999)
        bursts.messageKept(for: bob, at: 1_999)
        #expect(bursts.takeDue(at: 1_999) == [])
        #expect(bursts.takeDue(at: 2_000) == [ann])
        bursts.messageKept(for: ann, at: 61_998)
        #expect(bursts.takeDue(at: 121_997) == [bob])
        // A minute after the last message another burst begins.
        bursts.messageKept(for: ann, at: 121_998)
        #expect(bursts.takeDue(at: 123_998) == [ann])
    }

    @Test("a user who came ends the burst, and what comes next begins another")
    func ended() {
        let bursts = Bursts()
        bursts.messageKept(for: ann, at: 0)
        bursts.ended(for: ann)
        bursts.messageKept(for: ann, at: 500)
        #expect(bursts.takeDue(at: 2_499) == [] && bursts.takeDue(at: 2_500) == [ann])
        bursts.ended(for: bob)
        #expect(bursts.count == 1)
    }

    @Test("who else knows what begins a burst is believed")
    func knownElsewhere() {
        let bursts = Bursts()
        bursts.messageKept(for: ann, isFirst: false, at: 0)
        #expect(bursts.takeDue(at: 10_000) == [])
        bursts.messageKept(for: ann, at: 10_000)
        #expect(bursts.takeDue(at: 20_000) == [])
        bursts.messageKept(for: ann, isFirst: true, at: 20_000)
        bursts.messageKept(for: ann, isFirst: true, at: 21_000)
        #expect(bursts.takeDue(at: 22_000) == [ann] && bursts.takeDue(at: 23_000) == [])
    }

    @Test("without time to wait all are due")
    func all() {
        let bursts = Bursts()
        bursts.messageKept(for: ann, at: 0)
        bursts.messageKept(for: bob, at: 1)
        bursts.ended(for: ann)
        #expect(bursts.takeAll() == [bob] && bursts.takeDue(at: 9_000) == [])
    }

    @Test("of more users than may be the oldest is forgotten")
    func bound() {
        let bursts = Bursts()
        for number in 0..<PushBursts.usersMax {
            bursts.messageKept(for: Identifier(unchecked: "u\(number)"), isFirst: false, at: 0)
        }
        bursts.messageKept(for: Identifier(unchecked: "u0"), at: 1)
        #expect(bursts.takeAll() == [])
        bursts.messageKept(for: ann, isFirst: false, at: 1)
        #expect(bursts.count == PushBursts.usersMax)
        bursts.messageKept(for: Identifier(unchecked: "u1"), at: 2)
        bursts.messageKept(for: Identifier(unchecked: "u0"), at: 2)
        #expect(bursts.takeAll().map(\.text) == ["u0"])
        // What has been quiet for a minute goes by itself.
        _ = bursts.takeDue(at: 60_001)
        #expect(bursts.count == 1)
        _ = bursts.takeDue(at: 60_002)
        #expect(bursts.count == 0)
    }

    /// The rules alone, without any order of lists.
    private struct Model {
        var last: [Identifier: Int] = [:]
        var due: [Identifier: Int] = [:]

        mutating func kept(_ user: Identifier, _ isFirst: Bool?, at now: Int) {
            let isNew = last[user].map { now - $0 >= 60_000 } ?? true
            if isFirst ?? isNew, due[user] == nil { due[user] = now + 2_000 }
            last[user] = now
        }

        mutating func ended(_ user: Identifier) {
            last[user] = nil
            due[user] = nil
        }

        mutating func take(at now: Int) -> Set<Identifier> {
            let taken = due.filter { $0.value <= now }.keys
            for user in taken { due[user] = nil }
            last = last.filter { now - $0.value < 60_000 }
            return Set(taken)
        }
    }

    @Test("random events go as the rules say", arguments: 1...20 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bursts = Bursts()
        var (model, now) = (Model(), 0)
        let users = (0..<5).map { Identifier(unchecked: "u\($0)") }
        for step in 0..<4_000 {
            now += Int.random(in: 0..<(step % 50 == 0 ? 100_000 : 3_000), using: &random)
            let user = users.randomElement(using: &random)!
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                bursts.ended(for: user)
                model.ended(user)
            case 1...4:
                let isFirst: Bool? = [nil, nil, true, false].randomElement(using: &random)!
                bursts.messageKept(for: user, isFirst: isFirst, at: now)
                model.kept(user, isFirst, at: now)
            default:
                let taken = bursts.takeDue(at: now)
                let wanted = model.take(at: now)
                #expect(Set(taken) == wanted && wanted.count == taken.count, "seed \(seed), step \(step)")
            }
        }
        _ = bursts.takeDue(at: now + 60_000)
        _ = bursts.takeDue(at: now + 120_000)
        #expect(bursts.count == 0, "seed \(seed)")
    }
}
