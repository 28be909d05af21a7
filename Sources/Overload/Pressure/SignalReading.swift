/// One signal as it was read last, and the pressure that it gives.
package struct SignalReading: Sendable, Equatable {
    package let signal: Signal
    /// In the signal's unit.
    package let value: Double
    /// 0 … 1.
    package let pressure: Double

    package init(_ signal: Signal, value: Double, pressure: Double) {
        self.signal = signal
        self.value = value
        self.pressure = pressure
    }
}
