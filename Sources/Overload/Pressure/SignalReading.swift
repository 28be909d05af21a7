/// One signal as it was read last, and the pressure that it gives.
package struct SignalReading: Sendable, Equatable {
    /// As on the wire, e.g. "loop_lag".
    package let signal: String
    package let value: Double
    /// "ms", "ratio", "percent" …
    package let unit: String
    /// 0 … 1.
    package let pressure: Double

    package init(signal: String, value: Double, unit: String, pressure: Double) {
        self.signal = signal
        self.value = value
        self.unit = unit
        self.pressure = pressure
    }
}
