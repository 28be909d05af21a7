/// Decides on the tiers: a gauge makes pressures of all signals, and of each resource a ladder makes a tier of its own.
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
    /// By `Resource.rawValue`.
    private var ladders: [Ladder]

    /// Begins at normal.
    package init(_ settings: Settings, at now: Int, unix time: Int) {
        gauge = PressureGauge(marks: settings.signals)
        ladders = Resource.allCases.map { _ in Ladder(marks: settings.ladder, at: now) }
        report = GovernorReport(since: time)
        report.isDryRun = settings.isDryRun
    }

    /// A sample was taken; `report` has what follows from it.
    /// - Returns: the node's step to another tier, if there is one. Without one the tiers of single resources may have
    ///   changed all the same.
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
        for resource in Resource.allCases {
            let pressure = gauge.pressure(on: resource)
            _ = ladders[resource.rawValue].sampled(
                pressure.all, deep: pressure.deep, isEmergency: emergency?.signal.resource == resource, demand: demand,
                at: now)
        }
        return settle(reason ?? Reason.recovered, unix: time)
    }

    /// An operator wants this tier of everything, or with nil those that the signals ask for.
    package mutating func pinned(to tier: Tier?, at now: Int, unix time: Int) -> TierChange? {
        for index in ladders.indices {
            if let tier { _ = ladders[index].pinned(to: tier, at: now) } else { _ = ladders[index].unpinned(at: now) }
        }
        report.isPinned = tier != nil
        return settle(tier == nil ? Reason.unpinned : Reason.pinned, unix: time)
    }

    /// Sampling has cost so much.
    package mutating func sampled(seconds: Double) { report.samplingSeconds += seconds }

    /// Takes the ladders' tiers into the report.
    private mutating func settle(_ reason: String, unix time: Int) -> TierChange? {
        let former = report.tier
        for resource in Resource.allCases { report.tiers[resource] = ladders[resource.rawValue].tier }
        guard report.tier != former else { return nil }
        let change = TierChange(from: former, to: report.tier, reason: reason, cause: report.cause, at: time)
        report.since = time
        report.changes.append(change)
        if report.changes.count > GovernorReport.changesMax { report.changes.removeFirst() }
        report.changesTo[report.tier, default: 0] += 1
        return change
    }
}
