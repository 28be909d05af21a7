import ArgumentParser
import Foundation

/// The program that `bench.sh` calls.
@main
struct Benchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmarks", abstract: "Measures what the gateway is made to be fast at.",
        subcommands: [Parts.self, Nodes.self, RedisSpeed.self], defaultSubcommand: Parts.self)
}

/// Measures the parts one by one, and compares counts with the baseline.
struct Parts: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the parts of the gateway one by one; exits with 1 when a count rose over the baseline.")

    @Option(help: "Only benchmarks whose name contains this text.")
    var only: String?

    @Flag(help: "Fewer and shorter samples.")
    var quick = false

    @Flag(help: "Only allocations and bytes, no times: the same on a busy machine.")
    var countsOnly = false

    @Option(help: "The file of counts to compare with.")
    var baseline = "Benchmarks/baseline.json"

    @Flag(help: "Take the measured counts over into that file.")
    var updateBaseline = false

    private static let all =
        FrameBenchmarks.all + JSONBenchmarks.all + HTTPBenchmarks.all + RoomBenchmarks.all + LoopBenchmarks.all
        + FanOutBenchmarks.all + IdleBenchmarks.all + TokenBenchmarks.all

    func validate() throws {
        guard !selected.isEmpty else {
            let names = Self.all.map(\.name).joined(separator: "\n  ")
            throw ValidationError("no benchmark has \"\(only ?? "")\" in its name; there are:\n  \(names)")
        }
    }

    func run() throws {
        let measuring = Measuring(isQuick: quick, isTimed: !countsOnly)
        var results: [Measurement] = []
        for (index, benchmark) in selected.enumerated() {
            let line = "[\(index + 1)/\(selected.count)] \(benchmark.name) …\n"
            FileHandle.standardError.write(Data(line.utf8))
            results.append(try measuring.measure(benchmark))
        }
        print("\n" + Text.table(results) + "\n")
        if updateBaseline { try accept(results) } else { try compare(results) }
    }

    private var selected: [Benchmark] { Self.all.filter { only.map($0.name.contains) ?? true } }

    private func accept(_ results: [Measurement]) throws {
        var file = try Baseline(path: baseline)
        file.accept(results, isWhole: only == nil)
        try file.write(to: baseline)
        print("The counts of \(results.count) benchmarks are the baseline now: \(baseline)")
    }

    private func compare(_ results: [Measurement]) throws {
        let differences = try Baseline(path: baseline).compare(results, isWhole: only == nil)
        for line in differences.improvements { print("  \(line)") }
        if !differences.improvements.isEmpty {
            print("To hold what fell: ./bench.sh --update-baseline\n")
        }
        guard differences.failures.isEmpty else {
            for line in differences.failures { print("  \(line)") }
            print("If that is meant: ./bench.sh --update-baseline, and commit \(baseline) with the reason.")
            throw ExitCode(1)
        }
        print("\(results.count) benchmarks: no count is over the baseline.")
    }
}
