/// The values of one sample, by signal. A signal without a value is absent on this machine or in this sample: it is
/// left out, and never 0.
package struct Readings: Sendable, Equatable {
    /// By `Signal.index`.
    private var values = [Double?](repeating: nil, count: Signal.allCases.count)

    package init() {}

    package init(_ values: [Signal: Double]) {
        for (signal, value) in values { self[signal] = value }
    }

    /// In the signal's unit. What is no number, or below 0, is not taken.
    package subscript(_ signal: Signal) -> Double? {
        get { values[signal.index] }
        set { values[signal.index] = newValue.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil } }
    }

    /// The least memory limit that somebody has set, in bytes. nil: none but the machine's memory, or not known.
    package var memoryLimit: Int?
}
