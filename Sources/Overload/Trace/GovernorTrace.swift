import Core

/// The last samples of the governor, and the steps of the inner controllers between them: a course that can be played
/// again.
///
/// A value. It holds some 300 bytes for a sample: 720 KB at the usual interval, 3.6 MB at the shortest.
package struct GovernorTrace: Sendable {
    /// One line of it.
    package enum Entry: Sendable {
        case sample(TraceSample)
        case step(InnerStep)

        package var at: Int {
            switch self {
            case .sample(let sample): sample.at
            case .step(let step): step.at
            }
        }
    }

    /// Older ones are forgotten.
    package static let secondsMax = 600
    /// As many as come in that time at the shortest interval of sampling; of steps at most as many.
    package static let entriesMax = 12_000

    private var samples = FIFO<TraceSample>()
    private var steps = FIFO<InnerStep>()

    package init() {}

    package var sampleCount: Int { samples.count }
    package var stepCount: Int { steps.count }

    /// A sample was taken, and these steps have come since the one before.
    package mutating func sampled(_ sample: TraceSample, after steps: [InnerStep]) {
        for step in steps { self.steps.append(step) }
        samples.append(sample)
        let since = sample.at - Self.secondsMax * 1000
        while let first = samples.first, first.at < since || samples.count > Self.entriesMax {
            samples.removeFirst()
        }
        while let first = self.steps.first, first.at < since || self.steps.count > Self.entriesMax {
            self.steps.removeFirst()
        }
    }

    /// The lines of the last seconds, in the order of its time; a step before a sample of the same millisecond.
    package func entries(seconds: Int, at now: Int) -> [Entry] {
        let since = now - seconds * 1000
        let steps = steps.filter { $0.at >= since }.sorted { $0.at < $1.at }
        var entries: [Entry] = []
        var place = 0
        func take(until at: Int) {
            while place < steps.count, steps[place].at <= at {
                entries.append(.step(steps[place]))
                place += 1
            }
        }
        for sample in samples where sample.at >= since {
            take(until: sample.at)
            entries.append(.sample(sample))
        }
        take(until: .max)
        return entries
    }
}
