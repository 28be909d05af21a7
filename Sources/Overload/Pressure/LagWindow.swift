/// How late the workers' loops are: of each worker the last ticks, of those the late ones but for a single hiccup, of
/// the workers the worst.
package struct LagWindow: Sendable {
    private static let spanMilliseconds = 2_000
    /// Workers tick each 250 ms: what is sampled sooner would be the same tick again.
    private static let apartMilliseconds = 240

    private struct Sample {
        let at: Int
        let milliseconds: [Int]
    }
    /// Oldest first.
    private var samples: [Sample] = []

    package init() {}

    /// - Parameters:
    ///   - milliseconds: how late each worker's last tick was.
    ///   - now: milliseconds of a monotonic clock.
    /// - Returns: the 95th percentile of the worker that is worst off, rounded down to a sample: of so few, one late
    ///   tick does not make it.
    package mutating func sampled(_ milliseconds: [Int], at now: Int) -> Double {
        if samples.last.map({ now - $0.at >= Self.apartMilliseconds }) ?? true {
            samples.append(Sample(at: now, milliseconds: milliseconds))
        }
        while let first = samples.first, first.at <= now - Self.spanMilliseconds { samples.removeFirst() }
        guard samples.count > 1 else { return 0 }
        let index = (samples.count - 1) * 95 / 100
        var worst = 0
        for worker in milliseconds.indices {
            let values = samples.compactMap { worker < $0.milliseconds.count ? $0.milliseconds[worker] : nil }.sorted()
            if index < values.count { worst = max(worst, values[index]) }
        }
        return Double(worst)
    }
}
