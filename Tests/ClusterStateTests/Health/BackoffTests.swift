import ClusterState
import TestSupport
import Testing

@Suite("Waits between tries")
struct BackoffTests {
    @Test("the longest wait doubles from 0.25 to 5 s, and begins anew after a success")
    func ceilings() {
        var backoff = Backoff()
        let ceilings = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]
        for ceiling in ceilings { #expect(backoff.failed(random: UInt64(ceiling)) == ceiling) }
        backoff.succeeded()
        #expect(backoff.failed(random: 251) == 0)
        #expect(backoff.failed(random: 251) == 251)
    }

    @Test("waits fill the whole span evenly")
    func jitter() {
        var random = SplitMix64(seed: 3)
        let waits = (0..<4_000).map { _ in
            var backoff = Backoff()
            return backoff.failed(random: random.next())
        }
        #expect(waits.min()! < 5 && waits.max()! > 245 && waits.max()! <= 250)
        #expect(abs(waits.reduce(0, +) / waits.count - 125) < 10)
    }
}
