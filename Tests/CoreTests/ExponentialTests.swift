import Core
import Testing

/// Logarithms and decays, against identities that hold for any.
struct ExponentialTests {
    private func isClose(_ left: Double, _ right: Double) -> Bool {
        abs(left - right) <= 1e-12 * max(1, abs(left), abs(right))
    }

    @Test func knownValues() {
        #expect(Exponential.logarithm(1) == 0)
        #expect(isClose(Exponential.logarithm(2), 0.693_147_180_559_945_3))
        #expect(isClose(Exponential.logarithm(10), 2.302_585_092_994_046))
        #expect(isClose(Exponential.logarithm(0.001), -6.907_755_278_982_137))
        #expect(Exponential.decay(0) == 1)
        #expect(isClose(Exponential.decay(1), 0.367_879_441_171_442_3))
        #expect(isClose(Exponential.decay(0.5), 0.606_530_659_712_633_4))
        #expect(Exponential.decay(700) == 0 && Exponential.decay(.infinity) == 0)
    }

    @Test func eachUndoesTheOther() {
        for step in 1...400 {
            let value = Double(step) / 20
            #expect(isClose(Exponential.logarithm(Exponential.decay(value)), -value), "\(value)")
            #expect(isClose(Exponential.decay(value) * Exponential.decay(1), Exponential.decay(value + 1)))
        }
    }
}
