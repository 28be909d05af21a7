import Core
import Testing

@testable import Gateway

@Suite("The heartbeat of a connection")
struct HeartbeatTests {
    private var random = FastRandom(seed: 1)

    @Test("The first ping comes at a moment of the second half of an interval, and then each interval")
    mutating func pings() {
        var firsts: Set<Int> = []
        for _ in 0..<100 {
            var heartbeat = Heartbeat()
            heartbeat.heard(at: 10_000)
            heartbeat.began(at: 10_000, interval: 20_000, using: &random)
            let first = heartbeat.nextBeat(timeout: 60_000)
            #expect((20_000...30_000).contains(first))
            firsts.insert(first)
            #expect(heartbeat.timerFired(at: first - 1, interval: 20_000, timeout: 60_000) == .nothing)
            #expect(heartbeat.timerFired(at: first, interval: 20_000, timeout: 60_000) == .ping)
            #expect(heartbeat.nextBeat(timeout: 60_000) == first + 20_000)
        }
        #expect(firsts.count > 10)
    }

    @Test("A peer is given up when it was silent for the whole timeout, and no sooner")
    mutating func silence() {
        var heartbeat = Heartbeat()
        heartbeat.heard(at: 0)
        heartbeat.began(at: 0, interval: 100_000, using: &random)
        #expect(heartbeat.nextBeat(timeout: 30_000) == 30_000)
        #expect(heartbeat.timerFired(at: 29_999, interval: 100_000, timeout: 30_000) == .nothing)
        #expect(heartbeat.timerFired(at: 30_000, interval: 100_000, timeout: 30_000) == .close)
        heartbeat.heard(at: 29_999)
        #expect(heartbeat.timerFired(at: 30_000, interval: 100_000, timeout: 30_000) == .nothing)
        // Times are kept in tenths of a second.
        #expect(heartbeat.nextBeat(timeout: 20_000) == 49_900)
    }
    @Test("After a stall silence is judged by the time before it, and pings go by now")
    mutating func stall() {
        var heartbeat = Heartbeat()
        heartbeat.heard(at: 1_000)
        heartbeat.began(at: 1_000, interval: 2_000, using: &random)
        #expect(heartbeat.timerFired(at: 8_000, fairNow: 1_500, interval: 2_000, timeout: 5_000) == .ping)
        #expect(heartbeat.timerFired(at: 9_000, fairNow: 9_000, interval: 2_000, timeout: 5_000) == .close)
    }
}
