@testable import Overload

/// A governor that is led through time, with a sample every quarter of a second.
struct Rehearsal {
    static let step = 250

    private(set) var now = 0
    private(set) var governor: Governor
    /// Every change with the time at which it came.
    private(set) var changes: [(at: Int, to: Tier, reason: String)] = []

    init(_ settings: Governor.Settings = Governor.Settings()) { governor = Governor(settings, at: 0, unix: 0) }

    var tier: Tier { governor.report.tier }
    var tiers: [Tier] { changes.map(\.to) }

    mutating func sample(_ readings: Readings, emergency: Emergency? = nil, demand: Demand = Demand()) {
        let change = governor.sampled(readings, emergency: emergency, demand: demand, at: now, unix: now)
        if let change { changes.append((now, change.to, change.reason)) }
        now += Self.step
    }

    /// The same sample for a while.
    mutating func hold(
        _ values: [Signal: Double], seconds: Double, emergency: Emergency? = nil, demand: Demand = Demand()
    ) {
        let readings = Readings(values)
        for _ in 0..<Int(seconds * 1000) / Self.step { sample(readings, emergency: emergency, demand: demand) }
    }

    mutating func pin(_ tier: Tier?) {
        let change = governor.pinned(to: tier, at: now, unix: now)
        if let change { changes.append((now, change.to, change.reason)) }
    }
}
