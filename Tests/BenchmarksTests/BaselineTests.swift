import Testing

@testable import benchmarks

@Suite("Counts are compared with the baseline")
struct BaselineTests {
    private func measurement(_ name: String, _ allocations: Double?, _ bytes: Double, isExact: Bool = true)
        -> Measurement
    {
        Measurement(name: name, operation: "op", allocations: allocations, bytes: bytes, areCountsExact: isExact)
    }

    private func baseline(_ measurements: [Measurement]) throws -> Baseline {
        var baseline = try Baseline(path: "/nonexistent/baseline.json")
        baseline.accept(measurements, isWhole: true)
        return baseline
    }

    @Test("what rose fails, by name and with both figures; what fell is shown")
    func rises() throws {
        let known = try baseline([measurement("a", 1, 100), measurement("b", 3, 100)])
        let found = known.compare([measurement("a", 1.01, 101), measurement("b", 2, 99)], isWhole: true)
        #expect(
            found.failures == [
                "a: 1 -> 1.01 allocations per operation: rose", "a: 100 -> 101 bytes per operation: rose",
            ])
        #expect(
            found.improvements == [
                "b: 3 -> 2 allocations per operation: fell", "b: 100 -> 99 bytes per operation: fell",
            ])
        #expect(known.compare([measurement("a", 1, 100), measurement("b", 3, 100)], isWhole: true) == .init())
    }

    @Test("where threads meet nine tenths of an allocation and a hundredth of the bytes pass, and no more")
    func chance() throws {
        let known = try baseline([measurement("a", 0, 1000, isExact: false)])
        #expect(known.compare([measurement("a", 0.9, 1010, isExact: false)], isWhole: true) == .init())
        #expect(known.compare([measurement("a", 0.91, 1011, isExact: false)], isWhole: true).failures.count == 2)
    }

    @Test("a new benchmark and a leftover name fail; a part of them leaves the others alone")
    func names() throws {
        let known = try baseline([measurement("a", 0, 1), measurement("b", 0, 1)])
        let found = known.compare([measurement("a", 0, 1), measurement("c", 0, 1)], isWhole: true)
        #expect(
            found.failures == ["c: not in the baseline yet", "b: in the baseline, but there is no such benchmark"])
        #expect(known.compare([measurement("a", 0, 1)], isWhole: false) == .init())
        var updated = known
        updated.accept([measurement("c", 2, 3)], isWhole: false)
        #expect(updated.benchmarks.keys.sorted() == ["a", "b", "c"])
        updated.accept([measurement("c", 2, 3)], isWhole: true)
        #expect(updated.benchmarks == ["c": .init(allocations: 2, bytes: 3)])
    }

    @Test("benchmarks without counts are compared with nothing")
    func withoutCounts() throws {
        #expect(try baseline([]).compare([measurement("a", nil, 1)], isWhole: false) == .init())
    }

    @Test(
        "figures are short",
        arguments: [(0, "0"), (0.3125, "0.3125"), (15.69, "15.69"), (2, "2"), (1.5, "1.5"), (65_541, "65541")])
    func counts(value: Double, text: String) {
        #expect(Text.count(value) == text)
    }

    @Test("times have the unit that fits", arguments: [(3.14159, "3.14 ns"), (26.24, "26.2 ns"), (1e6, "1.00 ms")])
    func times(value: Double, text: String) {
        #expect(Text.time(value) == text)
    }
}
