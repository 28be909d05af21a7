import Histogram

/// Durations in microseconds with three significant digits, up to ten minutes; longer ones count as that.
///
/// Travels between processes as pairs of value and count, so that the parent merges histograms and never averages.
struct LatencyHistogram: Codable, Sendable {
    private static let microsecondsMax: UInt64 = 600_000_000

    private var counts = Self.empty

    private static var empty: Histogram<UInt64> {
        Histogram(highestTrackableValue: microsecondsMax, numberOfSignificantValueDigits: .three)
    }

    init() {}

    init(from decoder: any Decoder) throws {
        var pairs = try decoder.unkeyedContainer()
        while !pairs.isAtEnd {
            let value = try pairs.decode(UInt64.self)
            counts.record(value, count: try pairs.decode(UInt64.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var pairs = encoder.unkeyedContainer()
        for entry in counts.recordedValues() {
            try pairs.encode(entry.value)
            try pairs.encode(entry.count)
        }
    }

    var count: Int { Int(counts.totalCount) }

    /// Counts one duration; a negative one, which clocks of one machine don't make, counts as 0.
    @inline(__always)
    mutating func record(nanoseconds: Int) {
        counts.record(min(UInt64(max(nanoseconds, 0)) / 1000, Self.microsecondsMax))
    }

    mutating func add(_ other: LatencyHistogram) { counts.add(other.counts) }

    mutating func reset() { counts.reset() }

    /// Milliseconds at a percentile from 0 to 100; nil when nothing was counted.
    func milliseconds(at percentile: Double) -> Double? {
        count == 0 ? nil : Double(counts.valueAtPercentile(percentile)) / 1000
    }

    var maxMilliseconds: Double? { count == 0 ? nil : Double(counts.max) / 1000 }

    var meanMilliseconds: Double? { count == 0 ? nil : counts.mean / 1000 }
}
