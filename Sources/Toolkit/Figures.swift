/// Numbers for people.
package enum Figures {
    /// Nothing that is shown comes near this; more would not fit an integer with its decimals.
    private static let fixedMax = 1e12

    /// Milliseconds below a second, else seconds with one decimal, rounded.
    package static func duration(_ milliseconds: Int) -> String {
        guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }

    /// With separators: 1,234,567.
    package static func count(_ value: Int) -> String {
        let digits = Array(String(abs(value)))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// "1 client", "5 clients".
    package static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    /// A rate or size: whole from 10 on, else with one decimal.
    package static func rate(_ value: Double) -> String {
        value >= 10 ? count(Int(value.rounded())) : fixed(value, 1)
    }

    /// Milliseconds with three significant digits or so.
    package static func milliseconds(_ value: Double) -> String {
        value >= 100 ? count(Int(value.rounded())) : fixed(value, value >= 10 ? 1 : 2)
    }

    /// With so many digits after the point, rounded.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((min(abs(value), fixedMax) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % scale)
        return sign + String(scaled / scale) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// Filled up with blanks behind the text, or before it.
    package static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
    package static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
