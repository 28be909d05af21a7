import Core

/// Makes one pressure of all signals: each is set against its marks and smoothed, what counts in part only is capped,
/// and the highest wins.
package struct PressureGauge: Sendable {
    /// Time constants: a burst is seen at once, a lull is not taken for the end.
    private static let risingMilliseconds = 500.0
    private static let fallingMilliseconds = 5_000.0
    /// A signal that was not read for so long is absent.
    private static let staleMilliseconds = 5_000
    /// How much processors in use and limits that are kept anyway count: light's range.
    package static let cap = 0.70
    /// How much processors in full use count when the node's delays confirm that this hurts: moderate's range.
    package static let processorCap = 0.85
    /// From here on the node's own delays say that what presses is the node's own trouble.
    package static let confirmation = 0.5
    /// A node that keeps less than this of its processors busy is not slow because of its own work.
    package static let idleShare = 0.25

    private struct State {
        var value: Double
        var pressure: Double
        var at: Int
    }

    private let marks: SignalMarks
    /// By `Signal.rawValue`; nil: absent.
    private var states = [State?](repeating: nil, count: Signal.allCases.count)
    /// `Readings.busyShare`, smoothed with the rising constant both ways.
    private var busyShare: (value: Double, at: Int)?

    package init(marks: SignalMarks) { self.marks = marks }

    /// Takes a sample.
    /// - Parameter now: milliseconds of a monotonic clock.
    package mutating func sampled(_ readings: Readings, at now: Int) {
        for signal in Signal.allCases {
            guard let value = readings[signal] else {
                if let state = states[signal.rawValue], now - state.at > Self.staleMilliseconds {
                    states[signal.rawValue] = nil
                }
                continue
            }
            let wanted = marks[signal].pressure(of: value)
            var state = states[signal.rawValue] ?? State(value: value, pressure: 0, at: now)
            let constant = wanted > state.pressure ? Self.risingMilliseconds : Self.fallingMilliseconds
            state.pressure += (wanted - state.pressure) * Self.share(of: constant, passed: now - state.at)
            (state.value, state.at) = (value, now)
            states[signal.rawValue] = state
        }
        guard let busy = readings.busyShare else { return }
        let former = busyShare ?? (busy, now)
        let share = Self.share(of: Self.risingMilliseconds, passed: now - former.at)
        busyShare = (former.value + (busy - former.value) * share, now)
    }

    private static func share(of constant: Double, passed milliseconds: Int) -> Double {
        1 - Exponential.decay(Double(max(milliseconds, 0)) / constant)
    }

    private func smoothed(_ signal: Signal) -> Double { states[signal.rawValue]?.pressure ?? 0 }

    /// Whether delays of this node are put down to others: the machine is busy, and not with this node.
    private var isHeldUp: Bool {
        let outside = [Signal.hostCPU, .steal, .cpuPressure].contains { smoothed($0) >= Self.confirmation }
        return outside && busyShare.map { $0.value < Self.idleShare } ?? false
    }

    /// Whether the node's own delays say that what presses is its own trouble.
    private var isConfirmed: Bool {
        !isHeldUp && max(smoothed(.loopLag), smoothed(.queueDelay)) >= Self.confirmation
    }

    /// A signal's part in the pressure, 0 … 1; nil while it is absent.
    package func pressure(of signal: Signal) -> Double? {
        guard let state = states[signal.rawValue] else { return nil }
        switch signal.kind {
        case .own:
            let isDelay = signal == .loopLag || signal == .queueDelay
            return isDelay && isHeldUp ? min(state.pressure, Self.cap) : state.pressure
        case .processor: return min(state.pressure, isConfirmed ? Self.processorCap : Self.cap)
        case .capped: return min(state.pressure, Self.cap)
        }
    }

    /// The part of the pressure that may take the node above light, or keep it there: all signals but those that count
    /// up to light only.
    package var deepPressure: Double {
        Signal.allCases.reduce(0) { highest, signal in
            guard let state = states[signal.rawValue], let pressure = pressure(of: signal) else { return highest }
            return isForLightAlone(signal, state) ? highest : max(highest, pressure)
        }
    }

    /// Whether a signal counts for light at most.
    private func isForLightAlone(_ signal: Signal, _ state: State) -> Bool {
        switch signal.kind {
        case .own: (signal == .loopLag || signal == .queueDelay) && isHeldUp
        case .processor: !isConfirmed
        case .capped: true
        }
    }

    /// The highest pressure and the signal that gives it; of several the first one. 0 and nil while none presses.
    package var highest: (pressure: Double, signal: Signal?) {
        var found: (pressure: Double, signal: Signal?) = (0, nil)
        for signal in Signal.allCases {
            if let pressure = pressure(of: signal), pressure > found.pressure { found = (pressure, signal) }
        }
        return found
    }

    /// The signals that this machine has, with what was read last.
    package var readings: [SignalReading] {
        Signal.allCases.compactMap { signal in
            guard let state = states[signal.rawValue], let pressure = pressure(of: signal) else { return nil }
            return SignalReading(
                signal: "\(signal.name)", value: state.value, unit: signal.unit, pressure: pressure)
        }
    }
}
