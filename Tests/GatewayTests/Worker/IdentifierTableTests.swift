import Core
import TestSupport
import Testing

@testable import Gateway

@Suite("A table of named things")
struct IdentifierTableTests {
    private final class Thing: Identifiable {
        let id: Identifier
        init(_ name: String) { id = Identifier(unchecked: name) }
    }

    @Test("what is set is found, replaced and forgotten")
    func setting() {
        var table = IdentifierTable<Thing>()
        let (first, second) = (Thing("a"), Thing("a"))
        #expect(table[first.id] == nil && table.count == 0)
        table[first.id] = first
        #expect(table[first.id] === first && table.count == 1)
        table[first.id] = second
        #expect(table[first.id] === second && table.count == 1)
        table[Identifier(unchecked: "b")] = nil
        #expect(table.count == 1)
        table[first.id] = nil
        #expect(table[first.id] == nil && table.count == 0 && table.all.isEmpty)
    }

    @Test("a table of random names behaves as a dictionary", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var table = IdentifierTable<Thing>()
        var model: [Identifier: Thing] = [:]
        for step in 0..<20_000 {
            // Few names and many: slots are emptied in the middle of runs, and the table grows.
            let name = "n\(Int.random(in: 0..<(step < 10_000 ? 60 : 3_000), using: &random))"
            let thing = Thing(name)
            let value = Bool.random(using: &random) ? thing : nil
            table[thing.id] = value
            model[thing.id] = value
            if step % 500 == 0 {
                #expect(table.count == model.count)
                #expect(Set(table.all.map(\.id)) == Set(model.keys), "seed \(seed), step \(step)")
                let parts = (0..<8).map { table.part($0, of: 8).map(\.id) }
                #expect(Set(parts.joined()) == Set(model.keys) && parts.joined().count == model.count)
                for (id, thing) in model where table[id] !== thing {
                    Issue.record("\(id) is lost; seed \(seed), step \(step)")
                }
            }
        }
    }
}
