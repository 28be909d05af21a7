import Foundation
import Testing

@testable import load_test

@Suite("Axes have round ticks with units, and hold what they were made for")
struct ScaleTests {
    @Test(
        "linear axes end at a round number",
        arguments: [
            (0, ["0", "1", "2", "3", "4"]), (7, ["0", "2", "4", "6", "8"]),
            (100, ["0", "20", "40", "60", "80", "100"]), (1001, ["0", "500", "1k", "1.5k"]),
            (46_673, ["0", "10k", "20k", "30k", "40k", "50k"]),
        ])
    func linear(highest: Double, labels: [String]) {
        let scale = Scale.linear(upTo: highest, .count)
        #expect(scale.ticks.map(\.label) == labels)
        #expect(scale.ticks.first?.position == 0 && scale.ticks.last?.position == 1)
        #expect((0...1).contains(scale.position(highest)))
    }

    @Test(
        "logarithmic axes are at 1, 2 and 5 over two powers of ten, and at powers over more",
        arguments: [
            ([0.8, 9], ["500 µs", "1 ms", "2 ms", "5 ms", "10 ms"]),
            ([0.4, 3000], ["1 ms", "10 ms", "100 ms", "1 s"]), ([5, 5], ["5 ms", "10 ms"]),
            ([], ["1 ms", "2 ms", "5 ms", "10 ms"]),
        ] as [([Double], [String])])
    func logarithmic(values: [Double], labels: [String]) {
        let scale = Scale.logarithmic(values, .latency)
        #expect(scale.ticks.map(\.label) == labels)
        for value in values {
            // Not moved to the end: it is really in.
            #expect(abs(scale.position(value) - scale.position(value * 1.000_001)) > 0 || value == values.max())
        }
    }

    @Test("values outside and what is no number are moved to the nearer end")
    func clamped() {
        let scale = Scale.logarithmic([1, 100], .latency)
        #expect(scale.position(0) == 0 && scale.position(-1) == 0 && scale.position(.nan) == 0)
        #expect(scale.position(1e9) == 1 && scale.position(.infinity) == 1)
        #expect(Scale.linear(upTo: 10, .count).position(.nan) == 0)
    }

    @Test("each further nine takes the same room, and the maximum lies at the right end")
    func quantiles() {
        let scale = Scale.quantiles(of: 9_500)
        #expect(scale.ticks.map(\.label) == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"])
        let places = [0.9, 0.99, 0.999, 0.9999].map(scale.position)
        for (place, expected) in zip(places, [0.25, 0.5, 0.75, 1]) { #expect(abs(place - expected) < 1e-9) }
        #expect(scale.position(1) == 1 && scale.position(0) == 0)
    }

    @Test(
        "time has at most 14 ticks, at whole seconds, minutes or hours", arguments: [0, 1, 9, 81, 600, 7200, 400_000])
    func time(end: Double) {
        let ticks = Scale.time(until: end).ticks
        #expect((2...14).contains(ticks.count))
        #expect(ticks.allSatisfy { (0...1).contains($0.position) })
        #expect(ticks[0].label == (end > 390 ? "0 min" : "0 s"))
    }

    @Test(
        "numbers are written with about three figures and their unit",
        arguments: [
            (Quantity.count, 1_234_567, "1,234,567"), (.count, 0, "0"), (.rate, 46_673.2, "46,673/s"),
            (.rate, 0.5, "0.5/s"), (.latency, 0.0123, "12.3 µs"), (.latency, 2.1, "2.1 ms"), (.latency, 420, "420 ms"),
            (.latency, 1234, "1.23 s"), (.latency, 0, "0 ms"), (.share, 0.125, "12.5 %"), (.bytes, 5321, "5.2 KiB"),
            (.bytes, 100, "100 B"), (.second, 12.4, "12.4 s"), (.second, -0.01, "0.0 s"), (.count, .nan, "–"),
        ] as [(Quantity, Double, String)])
    func written(quantity: Quantity, value: Double, text: String) {
        #expect(quantity.written(value) == text)
    }
}
