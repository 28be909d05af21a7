import Testing

@testable import ClusterState

@Suite("What a node knows of the others")
struct ClusterMembershipTests {
    private static let heartbeat = 1_000
    private static let expiry = 3_000
    private var membership = ClusterMembership(
        node: "me", boot: "m", heartbeatMilliseconds: heartbeat, expiryMilliseconds: expiry, at: 0)
    /// Since when the store has known this node, by its clock.
    private var since = 1

    private func record(
        _ node: String, _ boot: String? = nil, state: NodeRecord.State = .up, seen: Int = 0
    ) -> NodeRecord {
        NodeRecord(
            node: node, boot: boot ?? node, address: "h:1", state: state, startedAt: 1, connections: 0,
            tier: "normal", lastSeenAt: seen)
    }

    /// An answer at `now`, when the store's clock stands at 50,000 more, and the wall clock at 900,000 more.
    private mutating func answer(
        at now: Int, wasKnown: Bool = true, _ others: [(record: NodeRecord?, boot: String, beat: Int)] = []
    ) -> [ClusterMembership.Event] {
        _ = membership.beat(record("me", "m"), at: now)
        if !wasKnown { since += 1 }
        let sightings = others.map { Beat.Sighting(boot: $0.boot, time: $0.beat + 50_000, record: $0.record) }
        return membership.beatAnswered(
            Beat.Answer(time: now + 50_000, knownSince: since, others: sightings), at: now, unixNow: now + 900_000)
    }

    private func a(_ beat: Int, _ state: NodeRecord.State = .up) -> (record: NodeRecord?, boot: String, beat: Int) {
        (record("a", state: state), "a", beat)
    }

    @Test("it beats at once, then each heartbeat, and not before the last beat has ended")
    mutating func beating() {
        #expect(membership.ticked(at: 0))
        _ = membership.beat(record("me", "m"), at: 0)
        #expect(!membership.ticked(at: 5_000))
        _ = membership.beatAnswered(Beat.Answer(time: 0, knownSince: 1, others: []), at: 5, unixNow: 0)
        #expect(!membership.ticked(at: 899) && membership.ticked(at: 900))
        membership.hinted(at: 300)
        #expect(membership.ticked(at: 300))
        _ = membership.beat(record("me", "m"), at: 300)
        membership.beatFailed()
        #expect(!membership.ticked(at: 1_199) && membership.ticked(at: 1_200))
    }

    @Test("the others are notified when something has changed, and until it is answered")
    mutating func publishing() {
        func isPublished(_ operation: StoreOperation) -> Bool {
            guard case .script(_, _, let arguments) = operation else { return false }
            return arguments[0] == Beat.channel
        }
        #expect(isPublished(membership.beat(record("me", "m"), at: 0)))
        membership.beatFailed()
        #expect(isPublished(membership.beat(record("me", "m"), at: 1_000)))
        _ = membership.beatAnswered(Beat.Answer(time: 0, knownSince: 1, others: []), at: 1_001, unixNow: 0)
        #expect(!isPublished(membership.beat(record("me", "m"), at: 2_000)))
        _ = membership.beatAnswered(Beat.Answer(time: 0, knownSince: 1, others: []), at: 2_001, unixNow: 0)
        #expect(isPublished(membership.beat(record("me", "m", state: .draining), at: 3_000)))
    }

    @Test("a node is up, suspect after two heartbeats, gone after the expiry and a second look")
    mutating func silence() {
        #expect(answer(at: 500, wasKnown: false, [a(0)]) == [.up(record("a", seen: 900_000))])
        #expect(answer(at: 2_000, [a(0)]) == [])
        let suspect = record("a", state: .suspect, seen: 900_000)
        #expect(answer(at: 2_001, [a(0)]) == [.suspect(suspect)])
        #expect(membership.nodes == [suspect])
        #expect(!membership.ticked(at: 2_500) && membership.ticked(at: 3_001))
        // The store may have forgotten it, or not yet.
        #expect(answer(at: 3_001, [a(0)]) == [])
        #expect(membership.ticked(at: 3_001))
        #expect(answer(at: 3_010) == [.gone(suspect, .silent)])
        #expect(membership.nodes == [])
        #expect(answer(at: 3_500) == [])
    }

    @Test("one that is heard of again is up, also after it was gone; an old record says nothing")
    mutating func returns() {
        _ = answer(at: 100, [a(0)])
        _ = answer(at: 2_500, [a(0)])
        #expect(answer(at: 3_100, [a(3_050)]) == [.up(record("a", seen: 903_050))])
        _ = answer(at: 6_100, [a(3_050)])
        // The store is the one that decides: what it has not forgotten is not gone.
        #expect(answer(at: 6_105, [a(3_050)]) == [] && membership.nodes.count == 1)
        #expect(answer(at: 6_110).count == 1)
        #expect(answer(at: 6_120, [a(3_050)]) == [] && membership.nodes == [])
        let back = record("a", seen: 906_125)
        #expect(answer(at: 6_130, [a(6_125)]) == [.returned(back), .up(back)])
        #expect(answer(at: 6_140, [a(6_135)]) == [])
    }

    @Test("a node that the store had forgotten learns it, also when the answer that said so first was lost")
    mutating func forgotten() {
        _ = answer(at: 100)
        #expect(answer(at: 1_100) == [])
        _ = membership.beat(record("me", "m"), at: 15_000)
        since = 15_000
        membership.beatFailed()
        #expect(answer(at: 16_000) == [.forgotten])
        #expect(answer(at: 17_000) == [])
    }

    @Test("one that answers at the second look was never gone")
    mutating func secondLook() {
        _ = answer(at: 100, [a(0)])
        _ = answer(at: 3_200, [a(0)])
        #expect(answer(at: 3_210, [a(3_205)]) == [.up(record("a", seen: 903_205))])
        _ = answer(at: 6_300, [a(3_205)])
        #expect(membership.nodes.count == 1)
    }

    @Test("one that drains says so; one that leaves is gone at once, published once")
    mutating func leaving() {
        _ = answer(at: 100, [a(0)])
        let draining = record("a", state: .draining, seen: 900_150)
        #expect(answer(at: 200, [a(150, .draining)]) == [.draining(draining)])
        #expect(answer(at: 300, [(nil, "a", 250)]) == [.gone(draining, .left)])
        #expect(answer(at: 400, [(nil, "a", 250)]) == [])
    }

    @Test("while the store is away nobody goes, and after its return not before an expiry and the time to reconnect")
    mutating func stalled() {
        _ = answer(at: 100, [a(0), (record("b"), "b", 0)])
        membership.storeLost()
        #expect(membership.isStale && membership.nodes.count == 2)
        #expect(answer(at: 60_000, wasKnown: false) == [.forgotten])
        #expect(!membership.isStale && membership.nodes.count == 2)
        #expect(answer(at: 61_000, [(record("b"), "b", 60_900)]) == [])
        // Five seconds to reconnect and a heartbeat are more than the expiry of three seconds.
        #expect(answer(at: 66_000, [(record("b"), "b", 65_900)]).map(isSuspicion) == [true])
        #expect(answer(at: 66_001).map { $0 == .gone(record("a", state: .suspect, seen: 900_000), .silent) } == [true])
    }

    private func isSuspicion(_ event: ClusterMembership.Event) -> Bool {
        if case .suspect = event { return true }
        return false
    }

    @Test("a jump of the store's clock makes nobody gone")
    mutating func clocks() {
        func seen(_ time: Int, at now: Int, beat: Int) -> [ClusterMembership.Event] {
            _ = membership.beat(record("me", "m"), at: now)
            let other = Beat.Sighting(boot: "a", time: beat, record: record("a"))
            return membership.beatAnswered(
                Beat.Answer(time: time, knownSince: 1, others: [other]), at: now, unixNow: now)
        }
        #expect(seen(1_000_000, at: 0, beat: 1_000_000).count == 1)
        #expect(seen(9_000_000, at: 1_000, beat: 1_000_900) == [])
        #expect(seen(9_001_000, at: 2_000, beat: 9_000_900) == [])
        #expect(seen(5_000, at: 3_000, beat: 9_001_900) == [])
        #expect(seen(6_000, at: 4_000, beat: 5_900) == [])
        // The last answer did not have this beat, so it is no older than that, whatever the clock says.
        #expect(seen(9_800, at: 5_000, beat: 6_900) == [])
        #expect(seen(10_100, at: 5_300, beat: 6_900) == [] && seen(10_200, at: 5_400, beat: 6_900) == [])
        #expect(membership.nodes.map(\.state) == [.up])
    }

    @Test("a living namesake is reported once, a former life not, nor one that drains")
    mutating func namesakes() {
        let twin = record("me", "other")
        #expect(answer(at: 100, [(twin, "other", 0)]) == [.up(record("me", "other", seen: 900_000))])
        #expect(answer(at: 1_000, [(twin, "other", 0)]) == [])
        let draining = record("me", "other", state: .draining)
        #expect(
            answer(at: 1_100, [(draining, "other", 1_050)]) == [
                .draining(record("me", "other", state: .draining, seen: 901_050))
            ])
        let events = answer(at: 2_000, [(twin, "other", 1_900)])
        #expect(events.contains(.sameName(record("me", "other", seen: 901_900))))
        #expect(answer(at: 3_000, [(twin, "other", 2_900)]) == [])
    }

    @Test(
        "random faults: who lives is never gone for what the store did, who died is",
        arguments: 1...12 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var world = SimulatedNodes(seed: seed)
        // Six minutes of faults with calm times between them, so that the bounds of a calm cluster are checked, too.
        for step in 0..<7_200 { world.run(isCalm: step % 2_400 > 1_200) }
        #expect(world.faults == [], "seed \(seed)")
        #expect(world.departures > 5, "seed \(seed)")
    }
}
