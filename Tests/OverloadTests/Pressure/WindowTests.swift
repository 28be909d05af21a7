import Testing

@testable import Overload

struct WindowTests {
    @Test("One late tick in two seconds is a hiccup, two are a lag")
    func hiccups() {
        var window = LagWindow()
        var found: [Double] = []
        for index in 0..<16 {
            found.append(window.sampled([1, index == 8 ? 300 : 2], at: index * 250))
        }
        #expect(found.allSatisfy { $0 <= 2 } && found.last == 2)
        #expect(window.sampled([1, 80], at: 4_000) == 2)
        #expect(window.sampled([1, 70], at: 4_250) == 70)
    }

    @Test("Sampled five times between two ticks, one late tick is still one")
    func frequentSampling() {
        var window = LagWindow()
        var worst = 0.0
        for time in stride(from: 0, to: 4_000, by: 50) {
            worst = max(worst, window.sampled([(1_000..<1_250).contains(time) ? 300 : 1], at: time))
        }
        #expect(worst <= 1)
    }

    @Test("The worker that is worst off counts, however many others there are")
    func worstWorker() {
        var window = LagWindow()
        let workers = [Int](repeating: 0, count: 63) + [40]
        #expect(window.sampled(workers, at: 0) == 0)
        #expect(window.sampled(workers, at: 250) == 40)
        for index in 2..<10 { _ = window.sampled([Int](repeating: 0, count: 64), at: index * 250) }
        #expect(window.sampled([Int](repeating: 0, count: 64), at: 2_500) == 0)
    }

    @Test("Demand is a rate of the last three seconds")
    func demand() {
        var meter = DemandMeter()
        #expect(meter.sampled(admitted: 500, suppressed: 70, at: 0) == Demand())
        var last = Demand()
        for index in 1...40 {
            last = meter.sampled(admitted: 500 + 25 * index, suppressed: 70 + 75 * index, at: index * 250)
        }
        #expect(last == Demand(admitted: 100, suppressed: 300) && last.suppressedShare == 0.75)
        for index in 41...52 { last = meter.sampled(admitted: 1500, suppressed: 3070, at: index * 250) }
        #expect(last.offered == 0 && last.suppressedShare == 0)
    }
}
