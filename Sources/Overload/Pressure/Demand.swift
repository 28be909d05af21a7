/// The demand of clients per second: work that the node did, and work that it gave up because of its tier.
package struct Demand: Sendable, Equatable {
    package var admitted: Double
    package var suppressed: Double

    package init(admitted: Double = 0, suppressed: Double = 0) {
        self.admitted = admitted
        self.suppressed = suppressed
    }

    package var offered: Double { admitted + suppressed }

    /// The share of what was asked for that was given up, 0 … 1.
    package var suppressedShare: Double { offered > 0 ? suppressed / offered : 0 }
}

/// Makes rates of two totals that only grow, over the last seconds: what a second holds is too uneven to go by.
package struct DemandMeter: Sendable {
    private static let spanMilliseconds = 3_000
    /// At the shortest interval of sampling.
    private static let samplesMax = 64

    private struct Sample {
        let at: Int
        let admitted: Int
        let suppressed: Int
    }
    /// Oldest first.
    private var samples: [Sample] = []

    package init() {}

    /// - Parameters:
    ///   - admitted: all that was ever done.
    ///   - suppressed: all that was ever given up.
    ///   - now: milliseconds of a monotonic clock.
    package mutating func sampled(admitted: Int, suppressed: Int, at now: Int) -> Demand {
        samples.append(Sample(at: now, admitted: admitted, suppressed: suppressed))
        while samples.count > 2, samples[1].at <= now - Self.spanMilliseconds || samples.count > Self.samplesMax {
            samples.removeFirst()
        }
        let first = samples[0]
        guard now > first.at else { return Demand() }
        let seconds = Double(now - first.at) / 1000
        return Demand(
            admitted: Double(admitted - first.admitted) / seconds,
            suppressed: Double(suppressed - first.suppressed) / seconds)
    }
}
