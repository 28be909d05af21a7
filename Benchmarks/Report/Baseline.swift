import Foundation

/// The counts that a change must not raise: allocations and bytes per operation, by benchmark. Never times, which
/// are a matter of the machine. A file that is checked in.
struct Baseline: Codable, Equatable {
    struct Counts: Codable, Equatable {
        var allocations: Double
        var bytes: Double
    }

    /// The result of a comparison. Every difference names the benchmark and both figures.
    struct Differences: Equatable {
        /// Counts that rose, benchmarks that the file lacks, and names in it that no benchmark has.
        var failures: [String] = []
        /// Counts that fell: good, and worth holding.
        var improvements: [String] = []
    }

    /// Figures are rounded to 1/10,000: that much is no rise.
    private static let rounding = (allocations: 0.0002, byteShare: 0.0)
    /// Where threads meet and time passes: a worker's ticks allocate some 40 times a second, which is up to one per
    /// message to 1,000 members on a busy machine (0.4 on a quiet one, measured), and a number in a frame may get a
    /// digit more. One allocation per member is far above that, and one per message to 50 members as well.
    private static let chance = (allocations: 0.9, byteShare: 0.01)

    var benchmarks: [String: Counts]

    /// The file at `path`; without it nothing is known.
    init(path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            benchmarks = [:]
            return
        }
        self = try JSONDecoder().decode(Baseline.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path))
    }

    /// - Parameter isWhole: all benchmarks were measured, so that names without one are leftovers.
    func compare(_ measurements: [Measurement], isWhole: Bool) -> Differences {
        var differences = Differences()
        for measurement in measurements {
            guard let allocations = measurement.allocations, let bytes = measurement.bytes else { continue }
            guard let known = benchmarks[measurement.name] else {
                differences.failures.append("\(measurement.name): not in the baseline yet")
                continue
            }
            let slack = measurement.areCountsExact ? Self.rounding : Self.chance
            for (what, old, new, allowed) in [
                ("allocations", known.allocations, allocations, slack.allocations),
                ("bytes", known.bytes, bytes, slack.byteShare * known.bytes + Self.rounding.allocations),
            ] {
                let line = "\(measurement.name): \(Text.count(old)) -> \(Text.count(new)) \(what) per operation"
                if new > old + allowed { differences.failures.append("\(line): rose") }
                if new < old - allowed { differences.improvements.append("\(line): fell") }
            }
        }
        if isWhole {
            let measured = Set(measurements.map(\.name))
            let leftovers = benchmarks.keys.filter { !measured.contains($0) }.sorted()
            differences.failures += leftovers.map { "\($0): in the baseline, but there is no such benchmark" }
        }
        return differences
    }

    /// Takes the measured counts over; what was not measured stays, unless all was measured.
    mutating func accept(_ measurements: [Measurement], isWhole: Bool) {
        if isWhole { benchmarks = [:] }
        for measurement in measurements {
            guard let allocations = measurement.allocations, let bytes = measurement.bytes else { continue }
            benchmarks[measurement.name] = Counts(allocations: allocations, bytes: bytes)
        }
    }
}
