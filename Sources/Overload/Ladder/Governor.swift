/// Decides on the tier: a gauge makes one pressure of all signals, and a ladder makes a tier of it.
///
/// A value without clock or randomness: what was recorded replays to the same tiers. `now` is in milliseconds of a
/// monotonic clock, `time` in milliseconds of Unix time.
package struct Governor: Sendable {
    /// The settings that an operator may tune.
    package struct Settings: Sendable, Equatable {
        package var signals: SignalMarks
        package var ladder: LadderMarks
        /// Everything is decided and reported, and nothing done.
        package var isDryRun: Bool

        package init(
            signals: SignalMarks = SignalMarks(), ladder: LadderMarks = LadderMarks(), isDryRun: Bool = false
        ) {
            self.signals = signals
            self.ladder = ladder
            self.isDryRun = isDryRun
        }
    }

    /// Why a tier was entered that no signal gave.
    package enum Reason {
        package static let pinned = "pinned"
        /// An operator let go of the tier.
        package static let unpinned = "unpinned"
        /// Nothing presses any more.
        package static let recovered = "recovered"
    }

    /// How it stands.
    package private(set) var report: GovernorReport
    private var gauge: PressureGauge
    private var ladder: Ladder

    /// Begins at normal.
    package init(_ settings: Settings, at now: Int, unix time: Int) {
        gauge = PressureGauge(marks: settings.signals)
        ladder = Ladder(marks: settings.ladder, at: now)
        report = GovernorReport(since: time)
        report.isDryRun = settings.isDryRun
    }

    /// A sample was taken.
    /// - Returns: the step to another tier, if that follows.
    package mutating func sampled(
        _ readings: Readings, emergency: Emergency?, demand: Demand, at now: Int, unix time: Int
    ) -> TierChange? {
        gauge.sampled(readings, at: now)
        let highest = gauge.highest
        let reason = (emergency?.signal ?? highest.signal).map { "\($0.name)" }
        report.pressure = emergency == nil ? highest.pressure : 1
        report.reason = reason
        report.cause = gauge.probableCause
        report.readings = gauge.readings
        report.memoryLimit = readings.memoryLimit
        let next = ladder.sampled(
            highest.pressure, deep: gauge.deepPressure, isEmergency: emergency != nil, demand: demand, at: now)
        return next.map { change(to: $0, reason ?? Reason.recovered, unix: time) }
    }

    /// An operator wants this tier, or with nil the one that the signals ask for.
    package mutating func pinned(to tier: Tier?, at now: Int, unix time: Int) -> TierChange? {
        let next = if let tier { ladder.pinned(to: tier, at: now) } else { ladder.unpinned(at: now) }
        report.isPinned = ladder.isPinned
        return next.map { change(to: $0, tier == nil ? Reason.unpinned : Reason.pinned, unix: time) }
    }

    /// Sampling has cost so much.
    package mutating func sampled(seconds: Double) { report.samplingSeconds += seconds }

    private mutating func change(to next: Tier, _ reason: String, unix time: Int) -> TierChange {
        let change = TierChange(from: report.tier, to: next, reason: reason, at: time)
        report.tier = next
        report.since = time
        report.changes.append(change)
        if report.changes.count > GovernorReport.changesMax { report.changes.removeFirst() }
        report.changesTo[next, default: 0] += 1
        return change
    }
}
