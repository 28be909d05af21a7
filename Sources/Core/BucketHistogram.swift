import Synchronization

/// Counts durations in fixed buckets, as Prometheus' histograms have them. One thread observes, any reads: relaxed
/// atomics, so that a reading may be off by what is being observed meanwhile.
package final class BucketHistogram: Sendable {
    /// Upper bounds in microseconds, inclusive: from what a turn of an idle loop takes to what clients give up after.
    package static let boundsMicroseconds = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000,
    ]

    private final class Cell: Sendable { let count = Atomic<Int>(0) }

    /// One per bound, and one for what is above them all.
    private let cells: [Cell]
    private let total = Atomic<Int>(0)

    package init() { cells = (0...Self.boundsMicroseconds.count).map { _ in Cell() } }

    /// Counts `times` durations of `microseconds`. The observing thread.
    package func observe(_ microseconds: Int, times: Int = 1) {
        var index = 0
        while index < Self.boundsMicroseconds.count, microseconds > Self.boundsMicroseconds[index] { index += 1 }
        let cell = cells[index]
        cell.count.store(cell.count.load(ordering: .relaxed) &+ times, ordering: .relaxed)
        total.store(total.load(ordering: .relaxed) &+ microseconds * times, ordering: .relaxed)
    }

    /// By bucket, not cumulated; the last is what is above all bounds.
    package var counts: [Int] { cells.map { $0.count.load(ordering: .relaxed) } }
    /// The sum of all durations, in microseconds.
    package var sumMicroseconds: Int { total.load(ordering: .relaxed) }
}
