import ClusterState
import Testing

@Suite("The store's clock as a node knows it")
struct StoreClockTests {
    @Test("An answer that lay unread for seconds takes nothing from what is known")
    func lateAnswer() {
        var clock = StoreClock()
        #expect(clock.ahead == nil)
        clock.answered(1_000_500, askedAt: 500, at: 500)
        #expect(clock.ahead == 1_000_000)
        clock.answered(1_003_500, askedAt: 3_500, at: 8_200)
        #expect(abs((clock.ahead ?? 0) - 1_000_000) <= 3)
        // Nor does a question that lay there.
        clock.answered(1_016_000, askedAt: 11_500, at: 16_000)
        #expect(abs((clock.ahead ?? 0) - 1_000_000) <= 6)
    }

    @Test("An early answer mends what a late one has said")
    func earlyAnswer() {
        var clock = StoreClock()
        clock.answered(1_000_500, askedAt: 500, at: 5_500)
        #expect(clock.ahead == 997_500)
        clock.answered(1_006_000, askedAt: 6_000, at: 6_001)
        #expect(abs((clock.ahead ?? 0) - 1_000_000) <= 1)
    }

    @Test("A clock that was set is believed at once", arguments: [-3_600_000, -50, 50, 3_600_000])
    func wasSet(by change: Int) {
        var clock = StoreClock()
        clock.answered(5_000_000, askedAt: 0, at: 0)
        clock.answered(5_003_000 + change, askedAt: 3_000, at: 3_000)
        #expect(clock.ahead == 5_000_000 + change)
    }

    @Test("A clock that drifts is followed", arguments: [-1, 1])
    func drift(sign: Int) {
        var clock = StoreClock()
        for beat in 0..<10_000 {
            let now = beat * 3_000
            // 300 ppm.
            let ahead = 5_000_000 + sign * now * 3 / 10_000
            clock.answered(now + ahead, askedAt: now - beat % 7, at: now + beat % 5)
            #expect(abs((clock.ahead ?? 0) - ahead) <= 8)
        }
    }
}
