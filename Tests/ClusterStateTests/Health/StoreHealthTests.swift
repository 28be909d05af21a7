import TestSupport
import Testing

@testable import ClusterState

@Suite("What a node thinks of its store")
struct StoreHealthTests {
    private struct Tick {
        let now: Int
        let result: StoreHealth.TickedResult
        var isProbe: Bool { if case .probe = result { true } else { false } }
    }

    private let memory = StoreRefusal(code: "OOM", message: "")

    /// Serves since 20, after its first probe.
    private func online() -> StoreHealth {
        var health = StoreHealth(at: 0)
        #expect(health.connected(at: 10) == .probe(1))
        #expect(health.probeAnswered(1, at: 15) == .unchanged)
        health.subscribed(at: 15)
        #expect(health.probeHeard(1, at: 20) == .online)
        return health
    }

    /// Ticks each 100 ms up to `end`: what comes of them, but for nothing.
    private func tick(
        _ health: inout StoreHealth, from start: Int, to end: Int,
        act: (inout StoreHealth, StoreHealth.TickedResult, Int) -> Void = { _, _, _ in }
    ) -> [Tick] {
        var all: [Tick] = []
        for now in stride(from: start, through: end, by: 100) {
            let result = health.ticked(oldestOutstanding: nil, at: now, random: 0)
            if result != .unchanged { all.append(Tick(now: now, result: result)) }
            act(&health, result, now)
        }
        return all
    }

    @Test("it serves once a probe was written, read and heard, in either order; a connection alone says nothing")
    func start() {
        var health = StoreHealth(at: 0)
        #expect(health.connected(at: 10) == .probe(1) && health.state == .connecting)
        #expect(health.probeHeard(1, at: 20) == .unchanged)
        #expect(health.probeHeard(9, at: 20) == .unchanged, "none of its own")
        #expect(health.probeAnswered(1, at: 30) == .online && health.state == .online)
    }

    @Test("while it serves, a probe each second, and none before the last was answered")
    func eachSecond() {
        var health = online()
        let results = tick(&health, from: 100, to: 5_000) { health, result, now in
            guard case .probe(let number) = result, number < 4 else { return }
            #expect(health.probeAnswered(number, at: now) == .unchanged)
            #expect(health.probeHeard(number, at: now) == .unchanged)
        }
        #expect(results.map(\.result) == [.probe(2), .probe(3), .probe(4)])
        #expect(results.map(\.now) == [1_100, 2_100, 3_100])
    }

    @Test("it is suspect after 1.5 s without a reply, degraded after 2.5 s")
    func thresholds() {
        var health = online()
        #expect(health.ticked(oldestOutstanding: 1_500, at: 110, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: 1_501, at: 111, random: 0) == .suspect)
        #expect(health.ticked(oldestOutstanding: 2_500, at: 112, random: 0) == .unchanged)
        #expect(health.state == .suspect && health.since == 111)
        #expect(health.ticked(oldestOutstanding: 2_501, at: 113, random: 0) == .degraded(.noAnswer))
        #expect(health.reason == .noAnswer)
    }

    @Test("a process that stood still itself reads before it judges")
    func stall() {
        var health = online()
        #expect(health.ticked(oldestOutstanding: 6_000, at: 6_020, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 6_120, random: 0) == .probe(2))
        #expect(health.state == .online)
    }

    @Test("a suspect store that answers is online")
    func recovers() {
        var health = online()
        #expect(health.ticked(oldestOutstanding: 1_600, at: 100, random: 0) == .suspect)
        #expect(health.answered(at: 200) == .online)
        #expect(health.answered(at: 201) == .unchanged)
    }

    @Test("a start without a store begins degraded: when refused, and when nothing happens for 2.5 s")
    func startWithout() {
        var refused = StoreHealth(at: 0)
        #expect(refused.failed(.unreachable("x"), at: 5, random: 0) == .degraded(.unreachable("x")))
        var silent = StoreHealth(at: 0)
        #expect(tick(&silent, from: 100, to: 2_500).isEmpty)
        #expect(silent.ticked(oldestOutstanding: nil, at: 2_501, random: 0) == .degraded(.noAnswer))
    }

    @Test("the way back is a probe, a resync and only then online; waits grow until a resync succeeded")
    func back() {
        var health = online()
        #expect(health.failed(.closed(""), at: 100, random: 250) == .degraded(.closed("")))
        #expect(health.ticked(oldestOutstanding: nil, at: 349, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 350, random: 0) == .probe(2))
        #expect(health.failed(.unreachable(""), at: 360, random: 500) == .stillDegraded)
        #expect(health.since == 100 && health.reason == .unreachable(""))
        #expect(health.ticked(oldestOutstanding: nil, at: 860, random: 0) == .probe(3))
        #expect(health.connected(at: 870) == .probe(4))
        #expect(health.probeAnswered(4, at: 880) == .unchanged)
        #expect(health.probeHeard(4, at: 880) == .resync)
        #expect(health.failed(.closed(""), at: 900, random: 1_000) == .degraded(.closed("")))
        #expect(health.connected(at: 910) == .probe(5), "its connection came back by itself")
        #expect(health.probeHeard(5, at: 910) == .unchanged)
        #expect(health.probeAnswered(5, at: 920) == .resync)
        #expect(health.resynced(at: 1_000) == .online)
        #expect(health.resynced(at: 1_001) == .unchanged)
        #expect(health.failed(.closed(""), at: 1_100, random: 250) == .degraded(.closed("")))
        #expect(health.ticked(oldestOutstanding: nil, at: 1_350, random: 0) == .probe(6))
    }

    @Test("one that answers and can't be written to stays degraded, however often it is connected; waits grow to 5 s")
    func unwritable() {
        var health = online()
        #expect(health.refused(memory, at: 100, random: 250) == .degraded(.refused(memory)))
        var (probes, ends) = (0, 0)
        for now in stride(from: 100, through: 60_000, by: 100) {
            #expect(health.connected(at: now) == .waits)
            switch health.ticked(oldestOutstanding: nil, at: now, random: 10_000_000) {
            case .probe:
                probes += 1
                if health.refused(memory, at: now, random: UInt64.max) == .stillDegraded { ends += 1 }
            default: break
            }
            #expect(health.state == .degraded && health.reason == .refused(memory))
        }
        #expect(probes > 12 && ends == probes && probes < 60_000 / 1_000, "\(probes)")
        let last = tick(&health, from: 60_100, to: 66_000) { health, result, now in
            guard case .probe(let number) = result, health.state == .degraded else { return }
            #expect(health.probeAnswered(number, at: now) == .unchanged && health.state == .degraded)
            #expect(health.probeHeard(number, at: now) == .resync)
        }
        #expect(last.first?.isProbe == true && health.state == .resyncing)
    }

    @Test("publications that do not come: another subscription after 2.5 s, degraded if that does not help")
    func unheard() {
        var health = online()
        let results = tick(&health, from: 100, to: 8_000) { health, result, now in
            if case .probe(let number) = result { _ = health.probeAnswered(number, at: now) }
        }
        let changes = results.filter { !$0.isProbe }
        #expect(changes.first?.result == .renewSubscription && 3_600...3_800 ~= changes.first?.now ?? 0)
        #expect(changes.dropFirst().first?.result == .degraded(.unheard))
        #expect(6_200...6_400 ~= changes.dropFirst().first?.now ?? 0 && health.reason == .unheard)
    }

    @Test("a subscription that is heard again in time is no loss")
    func heardAgain() {
        var health = online()
        let results = tick(&health, from: 100, to: 20_000) { health, result, now in
            guard case .probe(let number) = result else { return }
            _ = health.probeAnswered(number, at: now)
            if now > 4_000 { _ = health.probeHeard(number, at: now) }
        }
        let changes = results.filter { !$0.isProbe }
        #expect(changes.map(\.result) == [.renewSubscription] && health.state == .online)
    }

    @Test("on the way back an attempt probes until one is heard; unheard, it renews the subscription and says why")
    func attempts() {
        var health = online()
        _ = health.failed(.closed(""), at: 100, random: 0)
        _ = health.connected(at: 100)
        _ = health.probeAnswered(2, at: 101)
        var numbers: [Int] = []
        let results = tick(&health, from: 200, to: 2_700) { health, result, now in
            guard case .probe(let number) = result else { return }
            numbers.append(number)
            _ = health.probeAnswered(number, at: now)
        }
        #expect(numbers.count == 8 && results.last?.result == .renewSubscription && results.last?.now == 2_700)
        #expect(health.state == .degraded && health.reason == .unheard)
        // It waited for nothing; the next attempt hears its second probe.
        guard case .probe(let first) = health.ticked(oldestOutstanding: nil, at: 2_800, random: 0) else {
            Issue.record("no probe")
            return
        }
        #expect(health.probeHeard(first - 1, at: 2_810) == .unchanged, "of the former attempt")
        _ = health.probeAnswered(first, at: 2_820)
        #expect(health.ticked(oldestOutstanding: nil, at: 3_100, random: 0) == .probe(first + 1))
        _ = health.probeAnswered(first + 1, at: 3_110)
        #expect(health.probeHeard(first + 1, at: 3_120) == .resync)
    }

    @Test("channels that take long to be had again are waited for, and then a probe comes at once")
    func manyChannels() {
        var health = online()
        _ = health.failed(.closed(""), at: 100, random: 0)
        health.interrupted()
        _ = health.connected(at: 100)
        _ = health.probeAnswered(2, at: 101)
        #expect(tick(&health, from: 200, to: 9_000).isEmpty && health.reason == .unheard)
        health.subscribed(at: 9_010)
        #expect(health.ticked(oldestOutstanding: nil, at: 9_100, random: 0) == .probe(3))
        _ = health.probeAnswered(3, at: 9_110)
        #expect(health.probeHeard(3, at: 9_110) == .resync)
        // While it serves, too: the connection comes back by itself.
        _ = health.resynced(at: 9_120)
        health.interrupted()
        let results = tick(&health, from: 9_200, to: 14_000) { health, result, now in
            if case .probe(let number) = result { _ = health.probeAnswered(number, at: now) }
        }
        #expect(results.allSatisfy(\.isProbe) && health.state == .online)
        health.subscribed(at: 14_050)
        #expect(health.probeHeard(3 + results.count, at: 14_060) == .unchanged && health.state == .online)
    }

    @Test("who may not subscribe gets that reason, and not that nothing comes")
    func forbidden() {
        let refusal = StoreRefusal(code: "NOPERM", message: "")
        var health = StoreHealth(at: 0)
        health.subscriptionRefused(refusal)
        _ = health.connected(at: 10)
        _ = health.probeAnswered(1, at: 20)
        let results = tick(&health, from: 100, to: 2_600) { health, result, now in
            if case .probe(let number) = result { _ = health.probeAnswered(number, at: now) }
        }
        #expect(results.last?.result == .degraded(.refused(refusal)))
        health.subscribed(at: 2_650)
        let later = tick(&health, from: 2_700, to: 5_500) { health, result, now in
            if case .probe(let number) = result { _ = health.probeAnswered(number, at: now) }
        }
        #expect(later.contains { $0.result == .renewSubscription })
        #expect(health.reason == .unheard)
    }

    @Test("a probe that nothing comes of is given up after 2.5 s")
    func silentProbe() {
        var health = online()
        #expect(health.failed(.closed(""), at: 100, random: 0) == .degraded(.closed("")))
        #expect(health.ticked(oldestOutstanding: nil, at: 100, random: 0) == .probe(2))
        #expect(tick(&health, from: 200, to: 2_600).isEmpty)
        #expect(health.ticked(oldestOutstanding: 2_502, at: 2_601, random: 100) == .unchanged)
        #expect(health.reason == .noAnswer)
        #expect(health.ticked(oldestOutstanding: nil, at: 2_700, random: 0) == .unchanged)
        #expect(health.ticked(oldestOutstanding: nil, at: 2_701, random: 0) == .probe(3))
    }

    /// Events in any order: it never serves without a probe that came through since it was lost, says so once, and is
    /// probed again within a bounded time.
    @Test("random events", arguments: 1...40 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var health = StoreHealth(at: 0)
        var now = 0
        /// The last probe when it was lost, and what came of the probes behind it.
        var (sent, lostAt, answered, heard) = (0, 0, 0, 0)
        var isAway = true
        for step in 0..<3_000 {
            now += Int.random(in: 0...300, using: &random)
            let before = health.state
            var result = StoreHealth.ProbedResult.unchanged
            switch Int.random(in: 0..<12, using: &random) {
            case 0: if case .probe(let number) = health.connected(at: now) { sent = number }
            case 1, 2:
                guard sent > 0 else { continue }
                answered = max(answered, Int.random(in: 1...sent, using: &random))
                result = health.probeAnswered(answered, at: now)
            case 3, 4:
                let number = Int.random(in: 0...(sent + 1), using: &random)
                if number <= sent { heard = max(heard, number) }
                result = health.probeHeard(number, at: now)
            case 5 where Int.random(in: 0..<4, using: &random) == 0:
                let failed = health.failed(.closed(""), at: now, random: random.next())
                #expect((failed == .stillDegraded) == (before == .degraded), "seed \(seed) step \(step)")
                (lostAt, isAway) = (sent, true)
            case 6: _ = health.resynced(at: now)
            case 7: _ = health.answered(at: now)
            case 8: Bool.random(using: &random) ? health.subscribed(at: now) : health.interrupted()
            default:
                let isDue = Int.random(in: 0..<8, using: &random) == 0
                let oldest = isDue ? Int.random(in: 0...3_000, using: &random) : nil
                switch health.ticked(oldestOutstanding: oldest, at: now, random: random.next()) {
                case .probe(let number):
                    #expect(number > sent, "seed \(seed) step \(step)")
                    sent = number
                case .degraded: (lostAt, isAway) = (sent, true)
                case .unchanged, .suspect, .renewSubscription: break
                }
            }
            if health.state == .degraded, before != .degraded { (lostAt, isAway) = (sent, true) }
            if result != .unchanged {
                #expect(isAway && min(answered, heard) > lostAt, "seed \(seed) step \(step)")
                isAway = false
            }
            let serves = health.state != .degraded && health.state != .connecting
            #expect(serves == !isAway, "seed \(seed) step \(step): \(before) to \(health.state)")
            #expect((health.reason != nil) == (health.state == .degraded), "seed \(seed) step \(step)")
        }
        #expect(probeComes(to: health, after: now, &random), "seed \(seed)")
    }

    /// However it got there: a degraded store is probed within 5 s and the time that a silent probe may take.
    private func probeComes(to health: StoreHealth, after start: Int, _ random: inout SplitMix64) -> Bool {
        var (health, now) = (health, start)
        health.subscribed(at: now)
        if health.state != .degraded { _ = health.failed(.closed(""), at: now, random: random.next()) }
        while now < start + 7_700 {
            now += 100
            if case .probe = health.ticked(oldestOutstanding: nil, at: now, random: random.next()) { return true }
        }
        return false
    }
}
