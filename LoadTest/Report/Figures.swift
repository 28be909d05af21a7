/// Numbers for people.
enum Figures {
    /// With separators: 1,234,567.
    static func count(_ value: Int) -> String {
        let digits = Array(String(abs(value)))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// A rate or size: whole from 10 on, else with one decimal.
    static func rate(_ value: Double) -> String {
        value >= 10 ? count(Int(value.rounded())) : fixed(value, 1)
    }

    /// Milliseconds with three significant digits or so.
    static func milliseconds(_ value: Double) -> String {
        value >= 100 ? count(Int(value.rounded())) : fixed(value, value >= 10 ? 1 : 2)
    }

    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % scale)
        return sign + String(scaled / scale) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// Filled up with blanks behind the text, or before it.
    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
