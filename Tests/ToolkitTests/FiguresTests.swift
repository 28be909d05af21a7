import Testing
import Toolkit

@Suite("Numbers for people")
struct FiguresTests {
    @Test(
        "Durations are in milliseconds below a second",
        arguments: [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (1949, "1.9 s"), (1950, "2.0 s")])
    func durations(milliseconds: Int, text: String) { #expect(Figures.duration(milliseconds) == text) }

    @Test(
        "Counts have separators",
        arguments: [(1_234_567, "1,234,567"), (999, "999"), (-1000, "-1,000"), (0, "0")])
    func counts(value: Int, text: String) { #expect(Figures.count(value) == text) }

    @Test(
        "Fixed decimals are rounded and keep their noughts",
        arguments: [
            (1.005, 1, "1.0"), (0.049, 2, "0.05"), (0.05, 2, "0.05"), (0.9496, 3, "0.950"), (99.96, 1, "100.0"),
            (12.0, 0, "12"), (-0.001, 1, "0.0"), (-1.0, 1, "-1.0"), (.infinity, 1, "1000000000000.0"),
        ])
    func fixed(value: Double, decimals: Int, text: String) { #expect(Figures.fixed(value, decimals) == text) }

    @Test("Rates and milliseconds lose their decimals as they grow")
    func decimals() {
        #expect(Figures.rate(9.96) == "10.0" && Figures.rate(10.4) == "10" && Figures.rate(12_345.6) == "12,346")
        #expect(Figures.milliseconds(0.123) == "0.12" && Figures.milliseconds(12.34) == "12.3")
        #expect(Figures.milliseconds(1234.6) == "1,235")
    }

    @Test("A text as wide as its column is not filled up")
    func columns() {
        #expect(Figures.padded("ab", 3) == "ab " && Figures.right("ab", 3) == " ab")
        #expect(Figures.padded("abc", 3) == "abc" && Figures.right("abcd", 3) == "abcd")
    }
}
