/// Logarithms and decays without the C library, for what is pure. Exact to some 12 digits, which is more than any
/// measurement has.
package enum Exponential {
    private static let logOfTwo = 0.693_147_180_559_945_3

    /// The natural logarithm.
    /// - Parameter value: finite and above 0.
    package static func logarithm(_ value: Double) -> Double {
        // value = m · 2^e with 1 ≤ m < 2; log m = 2 · artanh((m − 1) ÷ (m + 1)), whose series ends soon as |x| ≤ 1/3.
        let x = (value.significand - 1) / (value.significand + 1)
        let square = x * x
        var (sum, power) = (0.0, x)
        for divisor in stride(from: 1.0, through: 25, by: 2) {
            sum += power / divisor
            power *= square
        }
        return 2 * sum + Double(value.exponent) * logOfTwo
    }

    /// e to the power of −`exponent`: what is left of something after so many of its time constants.
    /// - Parameter exponent: 0 or more; what is too small to differ from 0 is 0.
    package static func decay(_ exponent: Double) -> Double {
        guard exponent < 700 else { return 0 }
        // Small enough for a short series, then squared back.
        var (part, doublings) = (exponent, 0)
        while part > 0.125 {
            part /= 2
            doublings += 1
        }
        var (sum, term) = (1.0, 1.0)
        for divisor in stride(from: 1.0, through: 9, by: 1) {
            term *= part / divisor
            sum += term
        }
        for _ in 0..<doublings { sum *= sum }
        return 1 / sum
    }
}
