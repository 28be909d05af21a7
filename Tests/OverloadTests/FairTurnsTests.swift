import Core
import TestSupport
import Testing

@testable import Overload

@Suite("The heaviest source bears an overload first")
struct FairTurnsTests {
    private typealias Key = SourceLedger.Key

    private static func key(_ number: Int) -> Key { .connection(worker: 0, socketKey: UInt64(number)) }
    private static func user(_ number: Int) -> Identifier { Identifier(unchecked: "u\(number)") }
    private static func address(_ number: Int) -> IPAddress { IPAddress(v4: 0xC000_0200 + UInt32(number)) }
    private static let millisecond = 1_000_000

    /// Work of 100 ms: for each connection its milliseconds, its user and its address.
    private static func ledger(_ work: [(milliseconds: Double, user: Int, address: Int)]) -> SourceLedger {
        var ledger = SourceLedger()
        for (number, part) in work.enumerated() {
            ledger.worked(
                Int(part.milliseconds * Double(millisecond)), by: key(number),
                (user(part.user), address(part.address)))
        }
        ledger.passed(milliseconds: 100)
        return ledger
    }

    @Test("Without others nobody waits, and without work nobody is heavy")
    func alone() {
        #expect(SourceLedger().heaviest() == nil)
        #expect(Self.ledger([(90, 1, 1)]).heaviest() == nil)
    }

    @Test("A flood over one connection is that connection, though its user and its address have others")
    func connection() throws {
        let found = try #require(Self.ledger([(1, 1, 1), (80, 1, 1), (1, 2, 1), (2, 3, 2)]).heaviest())
        #expect(found.source == .single(Self.key(1)) && found.user == Self.user(1) && found.share == 0.8)
        #expect(found.address == Self.address(1))
    }

    @Test("A flood over fifty connections of one user is that user")
    func user() throws {
        let flood = (0..<50).map { _ in (1.6, 1, 1) }
        let found = try #require(Self.ledger(flood + [(1, 2, 1), (1, 3, 1)]).heaviest())
        #expect(found.source == .user(Self.user(1)) && abs(found.share - 0.8) < 0.001)
    }

    @Test("A flood over fifty connections, each with a name of its own, is their address")
    func address() throws {
        let flood = (0..<50).map { (1.6, $0, 1) }
        let found = try #require(Self.ledger(flood + [(0.2, 100, 2), (0.2, 101, 3)]).heaviest())
        #expect(found.source == .address(Self.address(1)) && found.user == nil)
    }

    @Test("A crowd that talks is its address, though the half of it that other workers have has none here")
    func crowdOnTwoWorkers() throws {
        var ledger = SourceLedger()
        for number in 0..<100 {
            let key = Key.connection(worker: number % 2, socketKey: UInt64(number))
            // A delivery names its authors by their sockets; input comes with everything that can be known.
            ledger.worked(800_000, by: key, (nil, nil))
            if number % 2 == 0 { ledger.worked(10_000, by: key, (Self.user(number), Self.address(1))) }
        }
        ledger.worked(100_000, by: Self.key(1000), (Self.user(1000), Self.address(2)))
        ledger.passed(milliseconds: 100)
        #expect(try #require(ledger.heaviest()).source == .address(Self.address(1)))
    }

    @Test("A crowd whose addresses are unknown is no address")
    func unknownCrowd() {
        var ledger = SourceLedger()
        for number in 0..<100 { ledger.worked(800_000, by: Self.key(number), (nil, nil)) }
        ledger.worked(100_000, by: Self.key(1000), (Self.user(1000), Self.address(2)))
        ledger.passed(milliseconds: 100)
        #expect(ledger.heaviest() == nil)
    }

    @Test("Five hundred people behind one address are no attacker, whatever the others are")
    func manyPeople() {
        let people = (0..<500).map { (0.18, $0, 1) }
        #expect(Self.ledger(people + [(0.18, 1000, 2)]).heaviest() == nil)
        #expect(Self.ledger(people + (0..<20).map { (0.05, 1000 + $0, 2 + $0) }).heaviest() == nil)
    }

    @Test("Who sends twice as much as others, or has little of the worker's time, is within its share")
    func within() {
        #expect(Self.ledger((0..<10).map { ($0 == 0 ? 18 : 9, $0, $0) }).heaviest() == nil)
        let most = SourceLedger.leastShare * 100
        #expect(Self.ledger([(most - 0.1, 1, 1), (0.1, 2, 2)]).heaviest() == nil)
        #expect(Self.ledger([(most, 1, 1), (0.1, 2, 2)]).heaviest() != nil)
    }

    @Test("Four times what others have is over, a little less is not")
    func factor() {
        #expect(Self.ledger([(40, 1, 1), (10, 2, 2), (10, 3, 3)]).heaviest()?.user == Self.user(1))
        #expect(Self.ledger([(39.9, 1, 1), (10, 2, 2), (10, 3, 3)]).heaviest() == nil)
    }

    @Test("Work fades by half in a quarter of a second, and is forgotten")
    func fading() throws {
        var ledger = Self.ledger([(80, 1, 1), (1, 2, 2)])
        ledger.passed(milliseconds: 150)
        #expect(try abs(#require(ledger.heaviest()).share - 0.32) < 0.001)
        ledger.passed(milliseconds: 500)
        #expect(ledger.heaviest() == nil)
        for _ in 0..<20 { ledger.passed(milliseconds: 250) }
        #expect(ledger.count == 0)
    }

    @Test("The table keeps at most so many apart; the others count as work of others")
    func bounded() {
        var ledger = SourceLedger()
        for number in 0..<SourceLedger.entriesMax + 1000 {
            ledger.worked(10_000, by: Self.key(number), (nil, nil))
        }
        #expect(ledger.count == SourceLedger.entriesMax)
        ledger.passed(milliseconds: 200)
        #expect(ledger.heaviest() == nil)
    }

    // MARK: The inner controller

    /// A worker that a flood and some others share. What does not fit into a window waits for the next one, everybody's
    /// alike; a refusal costs less than a frame.
    private struct Scene {
        static let refusalCost = 2
        var controller = InnerController()
        var random = SplitMix64(seed: 3)
        var admitted: [Int: Int] = [:]
        var refused: [Int: Int] = [:]
        var shed = 0
        var delay = 0
        private var waiting: [Int: Int] = [:]

        /// - Parameters:
        ///   - offered: frames of each user in the window.
        ///   - cost: microseconds of one.
        mutating func runWindow(_ offered: [Int: Int], cost: Int) {
            for (user, count) in offered { waiting[user, default: 0] += count }
            let window = InnerController.windowMilliseconds * 1000
            let before = waiting.values.reduce(0, +)
            var used = 0
            // The line as it stands: of each user a frame, as often as it has some among a thousandth of all.
            while used < window, waiting.values.contains(where: { $0 > 0 }) {
                for user in waiting.keys.sorted() {
                    let turn = min(waiting[user, default: 0], max(1, waiting[user, default: 0] / 1000))
                    waiting[user, default: 0] -= turn
                    for _ in 0..<turn { used += serve(user, cost) }
                }
            }
            let after = waiting.values.reduce(0, +)
            delay = after * window / max(before - after, 1)
            controller.turns.passed(milliseconds: InnerController.windowMilliseconds)
            controller.windowEnded(
                delayMicroseconds: delay, busy: min(1, Double(used) / Double(window)),
                elapsed: InnerController.windowMilliseconds)
        }

        private mutating func serve(_ user: Int, _ cost: Int) -> Int {
            let key = FairTurnsTests.key(user)
            var spent = Self.refusalCost
            if controller.turns.refuses(key, user: FairTurnsTests.user(user), address: nil, using: &random) != nil {
                refused[user, default: 0] += 1
            } else if !controller.admission.admits(.messages) {
                shed += 1
            } else {
                admitted[user, default: 0] += 1
                spent = cost
            }
            controller.turns.worked(spent * 1000, by: key, (FairTurnsTests.user(user), nil))
            return spent
        }
    }

    @Test("A flood is refused until the others have what they ask for, and nothing is shed from all")
    func flood() {
        var scene = Scene()
        for _ in 0..<60 { scene.runWindow([1: 5000, 2: 10, 3: 10], cost: 40) }
        #expect(scene.refused[1, default: 0] > 100_000)
        #expect(scene.refused[2] == nil && scene.refused[3] == nil && scene.shed == 0)
        #expect(scene.admitted[2] == 600 && scene.admitted[3] == 600)
        #expect(scene.controller.turns.isLimiting && scene.delay < 50_000)
        #expect(scene.controller.batching.milliseconds <= 40)
        // It still has most of what there is.
        #expect(scene.admitted[1, default: 0] > 10_000)
    }

    @Test("When the flood is over, it is admitted again within two seconds")
    func recovery() {
        var scene = Scene()
        for _ in 0..<20 { scene.runWindow([1: 5000, 2: 10], cost: 40) }
        #expect(scene.controller.turns.isLimiting)
        for _ in 0..<40 { scene.runWindow([1: 10, 2: 10], cost: 40) }
        #expect(!scene.controller.turns.isLimiting && scene.controller.turns.heaviestAdmitted == 1)
        #expect(scene.controller.turns.heaviest?.user == Self.user(1))
    }

    @Test("An overload by all alike limits nobody: rounds, then priorities, as ever")
    func allAlike() {
        var scene = Scene()
        let users = Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, 100) })
        for _ in 0..<60 { scene.runWindow(users, cost: 40) }
        #expect(scene.refused.isEmpty && scene.shed > 0 && scene.controller.batching.isLongest)
    }

    @Test("News of a source comes once")
    func news() {
        var scene = Scene()
        var news = 0
        for _ in 0..<30 {
            scene.runWindow([1: 5000, 2: 10], cost: 40)
            if scene.controller.turns.takeNews() != nil { news += 1 }
        }
        #expect(news >= 1 && scene.controller.turns.takeNews() == nil)
        #expect(news < 10)
    }

    @Test("At most sixteen sources are limited, and none below its least share")
    func limitsBounded() {
        var limits = SourceLimits()
        for number in 0..<SourceLimits.countMax {
            let load = SourceLedger.Load(
                source: .user(Self.user(number)), user: Self.user(number), address: nil, share: 0.5)
            #expect(!limits.isExhausted(load.source))
            let isNew = limits.lower(load, by: 0.5)
            #expect(isNew)
        }
        #expect(limits.isExhausted(.user(Self.user(99))))
        let first = SourceLedger.Load(source: .user(Self.user(0)), user: Self.user(0), address: nil, share: 0.5)
        for _ in 0..<10 { _ = limits.lower(first, by: 0.5) }
        #expect(limits.isExhausted(first.source) && limits.limits[0].admitted == SourceLimits.leastShare)
        var admitted = 0
        for _ in 0..<100 where limits.refuses(Self.key(1), user: Self.user(0), address: nil) == nil { admitted += 1 }
        #expect((1...3).contains(admitted))
    }
}

@Suite("A room bears what its deliveries cost")
struct RoomWorkTests {
    private static func room(_ number: Int) -> Identifier { Identifier(unchecked: "r\(number)") }
    private static let millisecond = 1_000_000

    /// 100 ms: of each room the milliseconds of its deliveries; each has an author of its own, who does little.
    private static func ledger(_ milliseconds: [Double]) -> SourceLedger {
        var ledger = SourceLedger()
        for (number, time) in milliseconds.enumerated() {
            ledger.delivered(10, Int(time * Double(millisecond)), in: room(number))
            ledger.worked(
                100_000, by: .connection(worker: 0, socketKey: UInt64(number)),
                (Identifier(unchecked: "u\(number)"), nil))
        }
        ledger.passed(milliseconds: 100)
        return ledger
    }

    @Test("A hot room beside quiet ones is the heaviest; alone, or little, or like the others, it is not")
    func hot() throws {
        let found = try #require(Self.ledger([60] + Array(repeating: 0.2, count: 99)).heaviest())
        #expect(found.source == .room(Self.room(0)) && found.room == Self.room(0) && found.user == nil)
        #expect(found.share == 0.6)
        #expect(Self.ledger([60]).heaviest() == nil)
        #expect(Self.ledger([9.9, 0.1]).heaviest() == nil)
        #expect(Self.ledger([39, 10, 10]).heaviest() == nil)
        #expect(Self.ledger([40, 10, 10]).heaviest() != nil)
    }

    @Test("Writes count for rooms by the messages that they handed over since the last ones")
    func writes() throws {
        var ledger = SourceLedger()
        ledger.wrote(nanoseconds: 50 * Self.millisecond)
        ledger.delivered(900, 1000, in: Self.room(0))
        ledger.delivered(100, 1000, in: Self.room(1))
        ledger.wrote(nanoseconds: 50 * Self.millisecond)
        ledger.wrote(nanoseconds: 50 * Self.millisecond)
        ledger.passed(milliseconds: 100)
        let found = try #require(ledger.heaviest())
        #expect(found.source == .room(Self.room(0)) && abs(found.share - 0.45) < 0.001)
    }

    @Test("It fades, and is bounded")
    func fading() {
        var ledger = Self.ledger([60, 1])
        for _ in 0..<30 { ledger.passed(milliseconds: 250) }
        #expect(ledger.heaviest() == nil)
        for number in 0..<SourceLedger.entriesMax + 10 { ledger.delivered(1, 10, in: Self.room(number)) }
        ledger.delivered(1, 90 * Self.millisecond, in: Identifier(unchecked: "late"))
        ledger.passed(milliseconds: 100)
        #expect(ledger.heaviest() == nil)
    }

    @Test("What is said in the room that is limited is refused by its share; other rooms and users are not")
    func limits() throws {
        var turns = FairTurns()
        var random = SplitMix64(seed: 1)
        turns.delivered(100, 60 * Self.millisecond, in: Self.room(0))
        for number in 1..<100 { turns.delivered(1, 200_000, in: Self.room(number)) }
        turns.passed(milliseconds: 100)
        #expect(turns.refuses(in: Self.room(0), using: &random) == nil)
        let isLowered = turns.lowerHeaviest(by: 0.25)
        #expect(isLowered && turns.takeNews()?.room == Self.room(0) && turns.heaviestAdmitted == 0.25)
        let admitted = (0..<100).count { _ in turns.refuses(in: Self.room(0), using: &random) == nil }
        #expect(admitted == 25)
        #expect(turns.refuses(in: Self.room(1), using: &random) == nil)
        #expect(
            turns.refuses(
                .connection(worker: 0, socketKey: 1), user: Identifier(unchecked: "u"), address: nil, using: &random)
                == nil)
        let retry = try #require(
            (0..<3).lazy.compactMap { _ in turns.refuses(in: Self.room(0), using: &random) }.first)
        #expect((500...1500).contains(retry))
    }
}
