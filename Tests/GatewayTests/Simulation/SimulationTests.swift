import Foundation
import Testing

@Suite("Clients on nodes whose store fails in any way")
struct SimulationTests {
    /// How many seeds one case runs.
    private static let seedsPerCase: UInt64 = 100

    private func report(_ simulation: Simulation) {
        let violations = simulation.violations.prefix(5).joined(separator: "\n")
        Issue.record("seed \(simulation.seed): \(violations)\n\(simulation.trace.joined(separator: "\n"))")
    }

    /// Seeds of 100 in which a client may miss a message, or get one twice, as nobody could know better: see
    /// docs/testing.md. Far above these something is broken.
    private static let blindMax = 20
    @Test("Nothing is lost, nothing comes twice, all is in order and answered", arguments: 0..<10 as Range<UInt64>)
    func contract(part: UInt64) throws {
        var blind = 0
        for seed in part * Self.seedsPerCase + 1...(part + 1) * Self.seedsPerCase {
            let simulation = try Simulation(seed: seed)
            if !simulation.run().isEmpty { report(simulation) }
            if simulation.missed + simulation.repetitions.count > 0 { blind += 1 }
        }
        #expect(blind <= Self.blindMax)
    }

    @Test("A run leaves no node behind")
    func ends() throws {
        weak var core: AnyObject?
        do {
            let simulation = try Simulation(seed: 1)
            _ = simulation.run()
            core = simulation.nodes[0].core
        }
        #expect(core == nil)
    }

    @Test("A seed gives the same run again", arguments: 1...5 as ClosedRange<UInt64>)
    func replay(seed: UInt64) throws {
        let runs = try (0..<2).map { _ in
            let simulation = try Simulation(seed: seed, traceMax: .max / 2)
            _ = simulation.run()
            return simulation.trace
        }
        #expect(runs[0] == runs[1] && !runs[0].isEmpty)
    }

    // MARK: By Tests/Measure/simulation.py

    private static let environment = ProcessInfo.processInfo.environment
    private static let seeds = environment["SIMULATION_SEEDS"].flatMap(SeedRange.init)

    /// At once, also into a pipe.
    private func say(_ text: String) { FileHandle.standardOutput.write(Data("SIMULATION \(text)\n".utf8)) }

    /// "FIRST-LAST"
    private struct SeedRange {
        let seeds: ClosedRange<UInt64>

        init?(_ text: String) {
            let parts = text.split(separator: "-").compactMap { UInt64($0) }
            guard parts.count == 2, parts[0] <= parts[1] else { return nil }
            seeds = parts[0]...parts[1]
        }
    }

    @Test("As many seeds as are asked for", .enabled(if: seeds != nil))
    func measured() throws {
        guard let seeds = Self.seeds?.seeds else { return }
        let end = Self.environment["SIMULATION_SECONDS"].flatMap(Double.init).map { Date.now + $0 } ?? .distantFuture
        var (failed, missed, repeated, known) = (0, 0, 0, 0)
        for seed in seeds where Date.now < end {
            let simulation = try Simulation(seed: seed, traceMax: seeds.count == 1 ? .max / 2 : 60)
            let violations = simulation.run()
            if seeds.count == 1 { report(simulation) }
            missed += simulation.missed > 0 ? 1 : 0
            repeated += simulation.repetitions.isEmpty ? 0 : 1
            if let first = simulation.knownRepetitions.first {
                known += 1
                say("again \(seed) \(simulation.faults.rawValue) \(first.client): \(first.1.text)")
            }
            if let first = violations.first {
                failed += 1
                say("failed \(seed) \(simulation.faults.rawValue) \(first)")
            }
            if seed % 100 == 0 || seed == seeds.upperBound {
                say("at \(seed) failed \(failed) missed \(missed) repeated \(repeated) known \(known)")
            }
        }
        #expect(failed == 0)
    }
}
