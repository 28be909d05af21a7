import CAllocationCounter
import Glibc

/// The result of a benchmark; the counts are nil where they are left to chance.
struct Measurement: Codable {
    var name: String
    var operation: String
    /// CPU time per operation: median, lower and upper quartile of the samples. Nil when only counts were wanted.
    var nanoseconds: Double?
    var nanosecondsLow: Double?
    var nanosecondsHigh: Double?
    var allocations: Double?
    var bytes: Double?
    /// Whether the counts are the same in every run.
    var areCountsExact: Bool
}

/// Runs benchmarks one after the other.
struct Measuring {
    /// How many samples are taken, and how long each is at least, in nanoseconds.
    private let samples: Int
    private let sampleNanoseconds: UInt64

    /// - Parameters:
    ///   - isQuick: for a look; the spread is wider.
    ///   - isTimed: false takes no samples: only counts are wanted.
    init(isQuick: Bool, isTimed: Bool) {
        samples = isTimed ? (isQuick ? 5 : 15) : 0
        sampleNanoseconds = isQuick ? 5_000_000 : 40_000_000
    }

    func measure(_ benchmark: Benchmark) throws -> Measurement {
        let run = try benchmark.prepare()
        _ = try run(benchmark.warmUp)
        var result = Measurement(name: benchmark.name, operation: benchmark.operation, areCountsExact: true)
        switch benchmark.counts {
        case .none: break
        case .exact:
            (result.allocations, result.bytes) = try counted(run, benchmark.counted)
        case .nearly:
            result.areCountsExact = false
            // What chance adds differs from round to round; what the code does is in all of them.
            let rounds = try (0..<5).map { _ in try counted(run, benchmark.counted) }
            result.allocations = rounds.compactMap(\.allocations).min()
            result.bytes = rounds.map(\.bytes).min()
        }
        let times = benchmark.isTimed ? try sampled(run, from: benchmark.counted).sorted() : []
        guard !times.isEmpty else { return result }
        result.nanoseconds = times[times.count / 2]
        result.nanosecondsLow = times[times.count / 4]
        result.nanosecondsHigh = times[times.count * 3 / 4]
        return result
    }

    /// Allocations and bytes per operation, to 1/10,000.
    private func counted(_ run: (Int) throws -> Benchmark.Work, _ operations: Int) throws
        -> (allocations: Double?, bytes: Double)
    {
        func perOperation(_ count: Double) -> Double { (count / Double(operations) * 10_000).rounded() / 10_000 }
        let before = sluice_allocations()
        let work = try run(operations)
        let allocations = work.allocations ?? (sluice_allocations() - before)
        return (sluice_counts_allocations() ? perOperation(Double(allocations)) : nil, perOperation(Double(work.bytes)))
    }

    /// Nanoseconds per operation of each sample.
    private func sampled(_ run: (Int) throws -> Benchmark.Work, from start: Int) throws -> [Double] {
        guard samples > 0 else { return [] }
        var operations = start
        var last = try timed(run, operations)
        // Doubling keeps operation counts round numbers of the first; a slow first call settles nothing.
        while last < sampleNanoseconds, operations < 1 << 40 {
            operations *= last < sampleNanoseconds / 10 ? 8 : 2
            last = try timed(run, operations)
        }
        return try (0..<samples).map { _ in Double(try timed(run, operations)) / Double(operations) }
    }

    private func timed(_ run: (Int) throws -> Benchmark.Work, _ operations: Int) throws -> UInt64 {
        // CPU time: what others do on a busy machine is not in it, but for caches and shared cores.
        let start = Self.threadTime()
        let work = try run(operations)
        return max(work.nanoseconds ?? (Self.threadTime() - start), 1)
    }

    /// Nanoseconds of the monotonic clock.
    static func now() -> UInt64 { clock(CLOCK_MONOTONIC) }

    /// Nanoseconds of CPU time that the calling thread used.
    static func threadTime() -> UInt64 { clock(CLOCK_THREAD_CPUTIME_ID) }

    private static func clock(_ id: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(id, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
