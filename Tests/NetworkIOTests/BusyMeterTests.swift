import Testing

@testable import NetworkIO

@Suite("The share of the time in which a loop has something to do")
struct BusyMeterTests {
    @Test("Waiting is not work, and each look begins anew")
    func shares() {
        var meter = BusyMeter(at: 1_000)
        meter.waitBegan(at: 1_100)
        meter.waitEnded(at: 1_400)
        meter.waitEnded(at: 1_500)
        #expect(meter.takeShare(at: 2_000) == 0.7)
        #expect(meter.takeShare(at: 3_000) == 1)
        meter.waitBegan(at: 3_000)
        meter.waitEnded(at: 4_000)
        #expect(meter.takeShare(at: 4_000) == 0)
    }

    @Test("Without time between two looks it is nothing")
    func noTime() {
        var meter = BusyMeter(at: 1_000)
        #expect(meter.takeShare(at: 1_000) == 0)
    }
}
