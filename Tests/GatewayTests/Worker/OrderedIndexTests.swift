import Core
import TestSupport
import Testing

@testable import Gateway

@Suite("Things in the order of their ids")
struct OrderedIndexTests {
    private final class Thing: Identifiable {
        let id: Identifier
        init(_ name: String) { id = Identifier(unchecked: name) }
    }

    private func names(_ things: [Thing]) -> [String] { things.map(\.id.text) }

    @Test("a page begins behind its cursor, whether that is there or not")
    func pages() {
        var index = OrderedIndex<Thing>()
        #expect(index.elements(after: nil, limit: 5).isEmpty)
        for name in ["d", "b", "f"] { index.insert(Thing(name)) }
        #expect(names(index.elements(after: nil, limit: 2)) == ["b", "d"])
        #expect(names(index.elements(after: Identifier(unchecked: "b"), limit: 5)) == ["d", "f"])
        #expect(names(index.elements(after: Identifier(unchecked: "c"), limit: 5)) == ["d", "f"])
        #expect(names(index.elements(after: Identifier(unchecked: "a"), limit: 1)) == ["b"])
        #expect(index.elements(after: Identifier(unchecked: "f"), limit: 5).isEmpty)
        index.remove(Identifier(unchecked: "c"))
        index.remove(Identifier(unchecked: "d"))
        #expect(names(index.elements(after: nil, limit: 5)) == ["b", "f"] && index.count == 2)
    }

    @Test("an index of random names is as a sorted set", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var index = OrderedIndex<Thing>()
        var model: Set<String> = []
        for step in 0..<20_000 {
            // It grows to many runs, and shrinks again.
            let name = "n\(Int.random(in: 0..<4_000, using: &random))"
            let inserts = Int.random(in: 0..<10, using: &random) < (step < 10_000 ? 7 : 2)
            if inserts {
                if model.insert(name).inserted { index.insert(Thing(name)) }
            } else {
                model.remove(name)
                index.remove(Identifier(unchecked: name))
            }
            guard step % 500 == 0 else { continue }
            let sorted = model.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
            #expect(index.count == model.count)
            #expect(names(index.elements(after: nil, limit: .max)) == sorted, "seed \(seed), step \(step)")
            let cursor = Identifier(unchecked: "n\(Int.random(in: 0..<4_000, using: &random))")
            let page = sorted.filter { cursor < Identifier(unchecked: $0) }.prefix(100)
            #expect(names(index.elements(after: cursor, limit: 100)) == Array(page), "seed \(seed), step \(step)")
        }
    }
}
