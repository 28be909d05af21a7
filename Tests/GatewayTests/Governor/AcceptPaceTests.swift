import Testing

@testable import Gateway

struct AcceptPaceTests {
    /// How many connections are taken in one second, at four ticks each.
    private func accepts(_ pace: AcceptPace, tier: Int? = nil, from start: Int) -> Int? {
        var count = 0
        for tick in 0..<4 {
            guard let most = pace.acceptsMax(perMilliseconds: 250, tierPerSecond: tier, at: start + tick * 250) else {
                return nil
            }
            count += most
        }
        return count
    }

    @Test func afterAStartTheRateDoublesEachSecondUntilThereIsNone() {
        let pace = AcceptPace(startedAt: 7_000)
        #expect((0..<5).map { accepts(pace, from: 7_000 + $0 * 1_000) } == [1_000, 2_000, 4_000, 8_000, 16_000])
        #expect(pace.acceptsMax(perMilliseconds: 250, tierPerSecond: nil, at: 11_999) != nil)
        #expect(pace.acceptsMax(perMilliseconds: 250, tierPerSecond: nil, at: 12_000) == nil)
    }

    @Test func aTierSpreadsThemOverTheBacklog() {
        let pace = AcceptPace(startedAt: 0)
        #expect((0..<4).map { accepts(pace, tier: 3_000, from: $0 * 1_000) } == [1_000, 2_000, 3_000, 3_000])
        #expect(accepts(pace, tier: 3_000, from: 60_000) == 3_000)
        var slow = pace
        slow.slowDown(until: 61_000)
        #expect(accepts(slow, tier: 3_000, from: 60_000) == 100)
    }

    @Test func inAnEmergencyHardlyAnybodyIsTaken() {
        var pace = AcceptPace(startedAt: 0)
        pace.slowDown(until: 61_000)
        pace.slowDown(until: 60_500)
        #expect(accepts(pace, from: 60_000) == 100)
        #expect(pace.acceptsMax(perMilliseconds: 250, tierPerSecond: nil, at: 61_000) == nil)
    }
}
