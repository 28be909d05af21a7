import Testing

@testable import Overload

struct OwnDelayTests {
    /// The own part of a delay within a span in which the thread ran and waited for so long; all microseconds.
    private func part(
        of delay: Int, ran: Int, waited: Int = 0, within elapsed: Int = 50_000, isThrottled: Bool = false
    ) -> Int {
        var own = OwnDelay()
        _ = own.part(of: 0, OwnDelay.Running(ran: 7, waited: 9), isThrottled: false, at: 1_000)
        let running = OwnDelay.Running(ran: 7 + ran, waited: 9 + waited)
        return own.part(of: delay, running, isThrottled: isThrottled, at: 1_000 + elapsed)
    }

    @Test("A thread that has a processor whenever it wants one answers for all of its delay")
    func allOwn() {
        #expect(part(of: 20_000, ran: 50_000) == 20_000)
        #expect(part(of: 20_000, ran: 20_000) == 20_000, "a burst at the end of an idle span")
        #expect(part(of: 900_000, ran: 50_000) == 900_000, "longer than the span")
    }

    @Test("An idle thread beside busy neighbours answers for next to nothing")
    func idle() {
        #expect(part(of: 20_000, ran: 100, waited: 24_900) == 80)
        #expect(part(of: 20_000, ran: 100, waited: 0) == 100, "where the kernel does not say that it waited")
        #expect(part(of: 400_000, ran: 100, waited: 0, within: 650_000) == 100, "the same of a machine's stolen time")
    }

    @Test("One that shares a processor answers for its share")
    func shared() {
        #expect(part(of: 20_000, ran: 25_000, waited: 25_000) == 10_000)
        #expect(part(of: 40_000, ran: 15_000, waited: 15_000) == 15_000)
    }

    @Test("Waits for the process' own quota are its own, and what is not known is")
    func ownAnyway() {
        #expect(part(of: 20_000, ran: 100, waited: 24_900, isThrottled: true) == 20_000)
        #expect(part(of: 20_000, ran: 0, waited: 0, within: 0) == 20_000)
        var own = OwnDelay()
        #expect(own.part(of: 5, OwnDelay.Running(ran: 0, waited: 100), isThrottled: false, at: 0) == 5, "the first one")
        // Totals that went back, as of another thread.
        #expect(own.part(of: 5, OwnDelay.Running(ran: 0, waited: 0), isThrottled: false, at: 100) == 0)
        #expect(own.part(of: 0, OwnDelay.Running(ran: 9, waited: 0), isThrottled: false, at: 200) == 0)
    }

    @Test func waitsAreReadFromTheKernelsFile() {
        #expect(OwnDelay.Running(ran: 5, schedstat: "1000 44106999 12\n") == OwnDelay.Running(ran: 5, waited: 44_106))
        for text in ["", "1", "x y z", "1 -5 2"] {
            #expect(OwnDelay.Running(ran: 5, schedstat: text) == OwnDelay.Running(ran: 5, waited: 0), "\(text)")
        }
    }
}
