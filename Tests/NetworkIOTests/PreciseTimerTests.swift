import Testing

@testable import NetworkIO

@Suite("The precise timer")
struct PreciseTimerTests {
    @Test("fires once, never early, and the last wish holds")
    func fires() throws {
        let driver = try LoopDriver()
        var firedAt: [Int] = []
        var timer: PreciseTimer? = try PreciseTimer(loop: driver.loop) {
            firedAt.append(Clock.monotonicNanoseconds())
        }
        let due = Clock.monotonicNanoseconds() + 30_000_000
        timer?.schedule(at: due - 20_000_000)
        timer?.schedule(at: due)
        driver.run(until: { !firedAt.isEmpty })
        driver.settle()
        #expect(firedAt.count == 1 && firedAt[0] >= due)
        // A moment that has passed.
        timer?.schedule(at: 5)
        driver.run(until: { firedAt.count == 2 })
        timer = nil
        driver.settle()
    }
}
