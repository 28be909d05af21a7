/// One sample of the governor with its decision: all that it takes to come to the same one again.
package struct TraceSample: Sendable {
    /// The source that bears the load first.
    package struct Heaviest: Sendable {
        /// As in the status: "connection", "room" …
        package let kind: StaticString
        /// Of a room, a user or an address, as far as it has one.
        package let name: String
        /// The part of it that is admitted, 0 … 1.
        package let admitted: Double

        package init(kind: StaticString, name: String, admitted: Double) {
            self.kind = kind
            self.name = name
            self.admitted = admitted
        }
    }

    /// The work of all workers and how far the worst one has gone.
    package struct Inner: Sendable, Equatable {
        package var state = InnerState()
        /// Messages committed per second, since the sample before.
        package var goodput = 0.0
        /// Frames and requests refused per second for lack of time, since the sample before.
        package var refused = 0.0

        package init() {}
    }

    /// Milliseconds of Unix time, and of a monotonic clock.
    package let time: Int
    package let at: Int
    package let tiers: ResourceTiers
    package let isPinned: Bool
    package let reason: String?
    package let cause: Cause?
    package let emergency: Emergency?
    /// 0 … 1.
    package let pressure: Double
    package let demand: Demand
    package let heaviest: Heaviest?
    package let inner: Inner
    /// By `Signal.index` the value and then the pressure; not a number: absent.
    private let numbers: ContiguousArray<Float>

    /// - Parameters:
    ///   - readings: as the governor got them.
    ///   - report: what it made of them.
    package init(
        _ readings: Readings, emergency: Emergency?, demand: Demand, report: GovernorReport, heaviest: Heaviest?,
        inner: Inner, time: Int, at now: Int
    ) {
        self.time = time
        at = now
        tiers = report.tiers
        isPinned = report.isPinned
        reason = report.reason
        cause = report.cause
        self.emergency = emergency
        pressure = report.pressure
        self.demand = demand
        self.heaviest = heaviest
        self.inner = inner
        var numbers = ContiguousArray<Float>(repeating: .nan, count: Signal.allCases.count * 2)
        for signal in Signal.allCases {
            if let value = readings[signal] { numbers[signal.index * 2] = Float(value) }
        }
        for reading in report.readings { numbers[reading.signal.index * 2 + 1] = Float(reading.pressure) }
        self.numbers = numbers
    }

    /// In the signal's unit; nil: it was absent in this sample.
    package func value(of signal: Signal) -> Double? { number(signal.index * 2) }
    /// 0 … 1, smoothed; nil: it has been absent for some time.
    package func pressure(of signal: Signal) -> Double? { number(signal.index * 2 + 1) }

    private func number(_ place: Int) -> Double? {
        numbers[place].isNaN ? nil : Double(numbers[place])
    }
}
