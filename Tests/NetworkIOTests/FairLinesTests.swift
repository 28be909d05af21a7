import TestSupport
import Testing

@testable import NetworkIO

@Suite("Lines that take turns by what they cost")
struct FairLinesTests {
    /// Takes elements until `budget` is used up; each costs what `cost` says.
    private func serve(
        _ lines: inout FairLines<String, Int>, budget: Int, cost: (String) -> Int
    ) -> [String: [Int]] {
        var (left, served) = (budget, [String: [Int]]())
        while left > 0, let (key, element) = lines.popFirst() {
            served[key, default: []].append(element)
            lines.charge(cost(key), to: key)
            left -= cost(key)
        }
        return served
    }

    @Test("Alone a line has all, in its order")
    func alone() {
        var lines = FairLines<String, Int>(quantum: 3)
        for element in 1...10 { lines.append(element, to: "a") }
        #expect(lines.count == 10 && lines.isAnyDue)
        let served = serve(&lines, budget: 100) { _ in 7 }
        #expect(served == ["a": Array(1...10)])
        let isOver = lines.popFirst() == nil
        #expect(lines.isEmpty && !lines.isAnyDue && isOver)
    }

    @Test("Who comes last waits for one turn of each other line, however long those are")
    func last() {
        var lines = FairLines<String, Int>(quantum: 5)
        for element in 1...1000 { lines.append(element, to: "mallory") }
        lines.append(0, to: "ann")
        var order: [String] = []
        while let (key, _) = lines.popFirst(), key != "ann" {
            order.append(key)
            lines.charge(1, to: key)
        }
        #expect(order.count == 5)
    }

    @Test("Lines have the same time, whether their elements are dear or cheap", arguments: [1, 7, 20])
    func shares(dear: Int) {
        var lines = FairLines<String, Int>(quantum: 10)
        for element in 1...10_000 {
            lines.append(element, to: "cheap")
            lines.append(element, to: "dear")
        }
        let served = serve(&lines, budget: 4000) { $0 == "dear" ? dear : 1 }
        let time = (cheap: served["cheap"]?.count ?? 0, dear: (served["dear"]?.count ?? 0) * dear)
        #expect(abs(time.cheap - time.dear) <= 2 * (10 + dear), "\(time)")
    }

    @Test("A debt is paid, also by one whose only element stands in line again, and ends some time")
    func debt() {
        var lines = FairLines<String, Int>(quantum: 10)
        lines.append(0, to: "mallory")
        for element in 1...1000 { lines.append(element, to: "ann") }
        let first = lines.popFirst()
        #expect(first?.key == "mallory")
        lines.append(1, to: "mallory")
        lines.charge(1_000_000, to: "mallory")
        var taken = 0
        while let (key, _) = lines.popFirst(), key == "ann" {
            taken += 1
            lines.charge(1, to: key)
        }
        #expect(taken > 70 && taken < 100)
    }

    @Test("A stopped line has no turn, and keeps its elements and its place behind the others until it goes on")
    func stopped() {
        var lines = FairLines<String, Int>(quantum: 1)
        lines.append(1, to: "a", isStopped: true)
        lines.append(2, to: "a")
        let isNobodyDue = lines.nextKey() == nil && lines.popFirst() == nil
        #expect(isNobodyDue && !lines.isAnyDue && lines.count == 2)
        lines.append(3, to: "b")
        lines.append(4, to: "b")
        lines.resume("a")
        lines.resume("a")
        let first = lines.nextKey()
        #expect(first == "b")
        lines.stopFirst()
        var served = serve(&lines, budget: 10) { _ in 1 }
        #expect(served == ["a": [1, 2]])
        lines.resume("nobody")
        lines.resume("b")
        served = serve(&lines, budget: 10) { _ in 1 }
        #expect(served == ["b": [3, 4]])
    }

    @Test("Each element leaves once, those of a line in order", arguments: 0..<20)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var lines = FairLines<Int, Int>(quantum: 5)
        var (next, seen) = (0, [Int: [Int]]())
        var expected: [Int: [Int]] = [:]
        func take() {
            guard let (key, element) = lines.popFirst() else { return }
            seen[key, default: []].append(element)
            if Int.random(in: 0..<4, using: &random) > 0 {
                lines.charge(Int.random(in: 0..<30, using: &random), to: key)
            }
        }
        for _ in 0..<2000 {
            let key = Int.random(in: 0..<6, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<4:
                lines.append(next, to: key, isStopped: Bool.random(using: &random))
                expected[key, default: []].append(next)
                next += 1
            case 4: if lines.nextKey() != nil { lines.stopFirst() }
            case 5: lines.resume(key)
            default: take()
            }
        }
        for key in 0..<6 { lines.resume(key) }
        while !lines.isEmpty {
            let before = lines.count
            take()
            #expect(lines.count == before - 1, "seed \(seed)")
        }
        #expect(seen == expected, "seed \(seed)")
    }
}
