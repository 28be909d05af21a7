import ControlPlane
import TestSupport
import Testing

@Suite("What a node thinks of its store")
struct StoreHealthTests {
    private func online() -> StoreHealth {
        var health = StoreHealth(at: 0)
        #expect(health.connected(at: 10) == .online)
        return health
    }

    @Test("it is suspect after 1.5 s without a reply, degraded after 2.5 s")
    func thresholds() {
        var health = online()
        #expect(health.ticked(oldestOutstanding: 1_500, at: 1_510, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: 1_501, at: 1_511, random: 0) == .suspect)
        #expect(health.ticked(oldestOutstanding: 2_500, at: 2_510, random: 0) == .unchanged)
        #expect(health.state == .suspect && health.since == 1_511)
        #expect(health.ticked(oldestOutstanding: 2_501, at: 2_511, random: 0) == .degraded(.silent))
        #expect(health.reason == .silent)
    }

    @Test("a suspect store that answers is online")
    func recovers() {
        var health = online()
        #expect(health.ticked(oldestOutstanding: 1_600, at: 1_700, random: 0) == .suspect)
        #expect(health.answered(at: 1_800) == .online)
        #expect(health.answered(at: 1_801) == .unchanged)
    }

    @Test("errors that say that nothing can be written degrade at once, others never")
    func codes() {
        for code in ["LOADING", "READONLY", "MISCONF", "OOM"] {
            var health = online()
            #expect(health.refused(code: code, at: 20, random: 0) == .degraded(.unable(code: code)))
        }
        for code in ["WRONGTYPE", "ERR", "NOSCRIPT", "loading"] {
            var health = online()
            #expect(health.refused(code: code, at: 20, random: 0) == .unchanged)
            #expect(health.state == .online)
        }
    }

    @Test("a start without a store begins degraded: when refused, and when nothing happens for 2.5 s")
    func start() {
        var refused = StoreHealth(at: 0)
        #expect(refused.failed(.refused, at: 5, random: 0) == .degraded(.refused))
        var silent = StoreHealth(at: 0)
        #expect(silent.ticked(oldestOutstanding: nil, at: 2_500, random: 0) == .unchanged)
        #expect(silent.ticked(oldestOutstanding: nil, at: 2_501, random: 0) == .degraded(.silent))
    }

    @Test("the way back is a probe, a resync and only then online; waits grow until a resync succeeded")
    func back() {
        var health = online()
        #expect(health.failed(.closed, at: 100, random: 250) == .degraded(.closed))
        #expect(health.ticked(oldestOutstanding: nil, at: 349, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 350, random: 0) == .probe)
        #expect(health.failed(.refused, at: 360, random: 500) == .stillDegraded)
        #expect(health.since == 100 && health.reason == .refused)
        #expect(health.ticked(oldestOutstanding: nil, at: 860, random: 0) == .probe)
        #expect(health.connected(at: 870) == .resync)
        #expect(health.failed(.closed, at: 900, random: 1_000) == .degraded(.closed))
        #expect(health.ticked(oldestOutstanding: nil, at: 1_899, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 1_900, random: 0) == .probe)
        #expect(health.connected(at: 1_910) == .resync)
        #expect(health.resynced(at: 2_000) == .online)
        #expect(health.resynced(at: 2_001) == .unchanged)
        #expect(health.failed(.closed, at: 3_000, random: 250) == .degraded(.closed))
        #expect(health.ticked(oldestOutstanding: nil, at: 3_250, random: 0) == .probe)
    }

    @Test("a probe that nothing comes of is given up after 2.5 s")
    func silentProbe() {
        var health = online()
        #expect(health.failed(.closed, at: 0, random: 0) == .degraded(.closed))
        #expect(health.ticked(oldestOutstanding: nil, at: 0, random: 0) == .probe)
        #expect(health.ticked(oldestOutstanding: 2_501, at: 2_500, random: 100) == .unchanged)
        #expect(health.ticked(oldestOutstanding: 2_502, at: 2_501, random: 100) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 2_600, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 2_601, random: 0) == .probe)
    }

    /// The model says which state an event leads to, from each state.
    @Test("random events", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var health = StoreHealth(at: 0)
        var (now, oldest) = (0, Int?.none)
        for step in 0..<2_000 {
            now += Int.random(in: 0...400, using: &random)
            let before = health.state
            let event = Int.random(in: 0..<12, using: &random)
            var allowed: Set<StoreHealth.State> = [before]
            switch event {
            case 0:
                allowed = [before == .connecting ? .online : before == .degraded ? .resyncing : before]
                let result = health.connected(at: now)
                #expect((result == .unchanged) == (before == health.state), "seed \(seed) step \(step)")
            case 1, 2:
                allowed = [before == .suspect ? .online : before == .degraded ? .resyncing : before]
                oldest = nil
                let result = health.answered(at: now)
                #expect((result == .online) == (before == .suspect), "seed \(seed) step \(step)")
            case 3:
                allowed = [.degraded]
                let result = health.failed(.closed, at: now, random: random.next())
                #expect((result == .stillDegraded) == (before == .degraded), "seed \(seed) step \(step)")
            case 4:
                allowed = [.degraded]
                _ = health.refused(code: "OOM", at: now, random: random.next())
            case 5:
                allowed = [before == .resyncing ? .online : before]
                #expect((health.resynced(at: now) == .online) == (before == .resyncing), "seed \(seed) step \(step)")
            default:
                oldest = Bool.random(using: &random) ? Int.random(in: 0...3_000, using: &random) : oldest
                let sinceBefore = health.since
                let result = health.ticked(oldestOutstanding: oldest, at: now, random: random.next())
                if before == .connecting {
                    allowed = [now - sinceBefore > 2_500 ? .degraded : .connecting]
                } else if before != .degraded, let oldest, oldest > 1_500 {
                    allowed = [oldest > 2_500 ? .degraded : before == .online ? .suspect : before]
                }
                #expect(result != .probe || before == .degraded, "seed \(seed) step \(step)")
            }
            #expect(allowed.contains(health.state), "seed \(seed) step \(step): \(before) to \(health.state)")
            #expect((health.reason != nil) == (health.state == .degraded), "seed \(seed) step \(step)")
        }
        #expect(probeComes(to: health, after: now, &random), "seed \(seed)")
    }

    /// However it got there: a degraded store is probed within 5 s and the time that a silent probe may take.
    private func probeComes(to health: StoreHealth, after start: Int, _ random: inout SplitMix64) -> Bool {
        var (health, now) = (health, start)
        if health.state != .degraded { _ = health.failed(.closed, at: now, random: random.next()) }
        while now < start + 7_600 {
            now += 100
            if health.ticked(oldestOutstanding: nil, at: now, random: random.next()) == .probe { return true }
        }
        return false
    }
}
