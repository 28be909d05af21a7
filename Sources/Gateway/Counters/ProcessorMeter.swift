import NetworkIO
import Synchronization

/// The share of a processor that the process used lately, 100 for one whole core. Any thread.
package final class ProcessorMeter: Sendable {
    /// Readings closer together than this repeat the last one: shorter spans say nothing.
    private static let spanMilliseconds = 500

    private let measuredAt: Atomic<Int>
    private let measuredMicroseconds: Atomic<Int>
    private let tenths = Atomic<Int>(0)

    package init() {
        measuredAt = Atomic(Clock.monotonicMilliseconds())
        measuredMicroseconds = Atomic(Int(ProcessLimits.cpuMicroseconds()))
    }

    package func percent() -> Double {
        let now = Clock.monotonicMilliseconds()
        let last = measuredAt.load(ordering: .relaxed)
        // Whoever moves the mark measures; the others take what it found.
        if now - last >= Self.spanMilliseconds,
            measuredAt.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        {
            let used = Int(ProcessLimits.cpuMicroseconds())
            let before = measuredMicroseconds.exchange(used, ordering: .relaxed)
            tenths.store((used - before) / (now - last), ordering: .relaxed)
        }
        return Double(tenths.load(ordering: .relaxed)) / 10
    }
}
