import Core
import Rooms
import TestSupport
import Testing

@Suite("Message ids that are known")
struct KnownIDsTests {
    /// The time in a message does not matter to how long its id is known.
    private static let stamp = 1_700_000_000_000
    private let anna = Identifier(unchecked: "anna")
    private let ben = Identifier(unchecked: "ben")

    private func insert(
        _ ids: KnownIDs, _ user: Identifier, _ id: String, seq: UInt64, at time: Int, scope: UInt64 = 1
    ) {
        withText(id) { ids.insert(scope, user, $0, seq: seq, time: Self.stamp, at: time) }
    }

    private func seq(
        _ ids: KnownIDs, _ user: Identifier, _ id: String, newestSeq: UInt64 = 1000, scope: UInt64 = 1
    ) -> UInt64? {
        withText(id) { ids.find(scope, user, $0, newestSeq: newestSeq)?.seq }
    }

    @Test("an id stands for its first commit, for its user and its history only")
    func users() {
        let ids = KnownIDs(countMax: 1000)
        #expect(seq(ids, anna, "1") == nil)
        insert(ids, anna, "1", seq: 5, at: 100)
        #expect(seq(ids, anna, "1") == 5 && seq(ids, ben, "1") == nil && seq(ids, anna, "2") == nil)
        #expect(seq(ids, anna, "1", scope: 2) == nil)
        insert(ids, ben, "1", seq: 6, at: 100)
        insert(ids, anna, "1", seq: 7, at: 100, scope: 2)
        #expect(seq(ids, anna, "1") == 5 && seq(ids, ben, "1") == 6 && seq(ids, anna, "1", scope: 2) == 7)
        #expect(withText("1") { ids.find(1, anna, $0, newestSeq: 6)?.time } == Self.stamp)
        #expect(ids.count == 3)
    }

    @Test("user and id don't run into each other")
    func split() {
        let ids = KnownIDs(countMax: 1000)
        insert(ids, Identifier(unchecked: "ab"), "c", seq: 1, at: 1)
        #expect(seq(ids, Identifier(unchecked: "a"), "bc") == nil)
    }

    @Test("the window: an id of the time itself stays, an older one goes")
    func window() {
        let ids = KnownIDs(countMax: 100_000)
        for time in 1...100 { insert(ids, anna, "\(time)", seq: UInt64(time), at: time) }
        ids.expire(before: 50)
        #expect(ids.count == 51)
        #expect(seq(ids, anna, "49") == nil && seq(ids, anna, "50") == 50 && seq(ids, anna, "100") == 100)
        ids.expire(before: 101)
        #expect(ids.count == 0)
        insert(ids, anna, "49", seq: 200, at: 200)
        #expect(seq(ids, anna, "49") == 200)
    }

    @Test("a seq beyond 32 bits, and one that lies before such a step, come back whole")
    func largeSeqs() {
        let ids = KnownIDs(countMax: 1000)
        let step: UInt64 = 1 << 32
        for value in [step - 1, step, 5 * step + 7] { insert(ids, anna, "\(value)", seq: value, at: 1) }
        #expect(seq(ids, anna, "\(step - 1)", newestSeq: step + 5) == step - 1)
        #expect(seq(ids, anna, "\(step)", newestSeq: step) == step)
        #expect(seq(ids, anna, "\(5 * step + 7)", newestSeq: 6 * step + 6) == 5 * step + 7)
    }

    @Test("times come back though the wall clock jumped, and after a hundred days")
    func times() {
        let ids = KnownIDs(countMax: 64_000)
        var expected: [(id: String, time: Int)] = []
        for day in 0..<100 {
            let now = day * 86_400_000
            let time = Self.stamp + now + (day % 2 == 0 ? 3_600_000 : 0)
            for index in 0..<100 {
                withText("\(day)-\(index)") { ids.insert(1, anna, $0, seq: 1, time: time, at: now) }
                expected.append(("\(day)-\(index)", time))
            }
            ids.expire(before: now - 10 * 86_400_000)
        }
        #expect(ids.count == 1100)
        for (id, time) in expected.suffix(1100) {
            #expect(withText(id) { ids.find(1, anna, $0, newestSeq: 1)?.time } == time, "\(id)")
        }
    }

    @Test("beyond the bound the oldest are forgotten, and the window says how long one is known")
    func bound() {
        let ids = KnownIDs(countMax: 6400)
        for number in 1...5000 { insert(ids, anna, "\(number)", seq: UInt64(number), at: number) }
        #expect(ids.count <= 6400 && ids.window(of: 100_000, at: 5000) >= 3000)
        for number in 5001...20_000 { insert(ids, anna, "\(number)", seq: UInt64(number), at: number) }
        #expect(ids.count == 6400)
        #expect(seq(ids, anna, "1", newestSeq: 20_000) == nil)
        #expect(seq(ids, anna, "20000", newestSeq: 20_000) == 20_000)
        // All shards are full: what is known is about the last 6,400.
        #expect((3000..<10_000).contains(ids.window(of: 100_000, at: 20_000)))
        #expect(ids.window(of: 2000, at: 20_000) == 2000)
        // Nothing had to go for a whole window.
        #expect(ids.window(of: 100_000, at: 120_001) == 100_000)
    }

    @Test("an id takes at most 64 bytes, some 40 on the whole")
    func memory() {
        let ids = KnownIDs(countMax: 1_000_000)
        var total = 0
        for number in 1...200_000 {
            insert(ids, anna, "\(number)", seq: UInt64(number), at: number)
            guard number > 50_000, number % 1000 == 0 else { continue }
            #expect(ids.byteCount <= ids.count * 64)
            total += ids.byteCount / ids.count
        }
        #expect(total / 150 <= 44, "\(total / 150) bytes per id")
    }

    @Test("ids at random are as a dictionary", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let ids = KnownIDs(countMax: 1_000_000)
        var model: [String: (seq: UInt64, at: Int)] = [:]
        for step in 1...30_000 {
            let id = "\(Int.random(in: 0..<8000, using: &random))"
            let found = seq(ids, anna, id, newestSeq: UInt64(step))
            #expect(found == model[id]?.seq, "seed \(seed), step \(step)")
            if found == nil {
                insert(ids, anna, id, seq: UInt64(step), at: step)
                model[id] = (UInt64(step), step)
            }
            guard Int.random(in: 0..<50, using: &random) == 0 else { continue }
            let before = step - Int.random(in: 100..<6000, using: &random)
            ids.expire(before: before)
            model = model.filter { $0.value.at >= before }
            #expect(ids.count == model.count)
        }
    }
}
