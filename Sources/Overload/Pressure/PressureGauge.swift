import Core

/// Makes pressures of the signals: each is set against its marks and smoothed. The highest of the node's own ones is
/// the node's; causes are kept beside them.
package struct PressureGauge: Sendable {
    /// Time constants: a burst is seen at once, a lull is not taken for the end.
    private static let risingMilliseconds = 500.0
    private static let fallingMilliseconds = 5_000.0
    /// A signal that was not read for so long is absent.
    private static let staleMilliseconds = 5_000
    /// How much a signal counts that is for light alone: light's range.
    package static let cap = 0.70

    private struct State {
        var value: Double
        var pressure: Double
        var at: Int
    }

    private let marks: SignalMarks
    /// By `Signal.index`; nil: absent.
    private var states = [State?](repeating: nil, count: Signal.allCases.count)

    package init(marks: SignalMarks) { self.marks = marks }

    /// Takes a sample.
    /// - Parameter now: milliseconds of a monotonic clock.
    package mutating func sampled(_ readings: Readings, at now: Int) {
        for signal in Signal.allCases {
            guard let value = readings[signal] else {
                if let state = states[signal.index], now - state.at > Self.staleMilliseconds {
                    states[signal.index] = nil
                }
                continue
            }
            let wanted = marks[signal].pressure(of: value)
            var state = states[signal.index] ?? State(value: value, pressure: 0, at: now)
            let constant = wanted > state.pressure ? Self.risingMilliseconds : Self.fallingMilliseconds
            state.pressure += (wanted - state.pressure) * Self.share(of: constant, passed: now - state.at)
            (state.value, state.at) = (value, now)
            states[signal.index] = state
        }
    }

    private static func share(of constant: Double, passed milliseconds: Int) -> Double {
        1 - Exponential.decay(Double(max(milliseconds, 0)) / constant)
    }

    /// A signal's pressure, 0 … 1; nil while it is absent.
    package func pressure(of signal: Signal) -> Double? {
        guard let pressure = states[signal.index]?.pressure else { return nil }
        if case .own(let own) = signal, own.isForLightAlone { return min(pressure, Self.cap) }
        return pressure
    }

    /// How short a resource is: the highest pressure of its signals, and of those that may lead above light.
    package func pressure(on resource: Resource) -> (all: Double, deep: Double) {
        var found = (all: 0.0, deep: 0.0)
        for signal in resource.signals {
            let pressure = pressure(of: .own(signal)) ?? 0
            found.all = max(found.all, pressure)
            if !signal.isForLightAlone { found.deep = max(found.deep, pressure) }
        }
        return found
    }

    /// The node's pressure and the signal that gives it; of several the first one. 0 and nil while none presses.
    package var highest: (pressure: Double, signal: OwnSignal?) {
        var found: (pressure: Double, signal: OwnSignal?) = (0, nil)
        for signal in OwnSignal.allCases {
            if let pressure = pressure(of: .own(signal)), pressure > found.pressure { found = (pressure, signal) }
        }
        return found
    }

    /// The cause that presses most, of several the first one; nil while the node itself does not hurt, as then there is
    /// nothing that it would be the cause of.
    package var probableCause: Cause? {
        guard highest.signal != nil else { return nil }
        var found: (pressure: Double, cause: Cause?) = (0, nil)
        for cause in Cause.allCases {
            if let pressure = pressure(of: .cause(cause)), pressure > found.pressure { found = (pressure, cause) }
        }
        return found.cause
    }

    /// The signals that this machine has, with what was read last.
    package var readings: [SignalReading] {
        Signal.allCases.compactMap { signal in
            guard let state = states[signal.index], let pressure = pressure(of: signal) else { return nil }
            return SignalReading(signal, value: state.value, pressure: pressure)
        }
    }
}
