import TestSupport
import Testing

@Suite("Locks under faults")
struct LockFaultTests {
    /// Every promise is looked at after each event; here, that enough happened, and how it ended.
    @Test(
        "one valid holder, rising tokens, no lost update, losses seen in time", arguments: 1...9 as ClosedRange<UInt64>)
    func promises(seed: UInt64) {
        let world = LockWorld(seed: seed)
        world.time.run(until: 600_000)
        let counts = world.counts
        #expect(counts.acquired >= 1_200 && counts.lost > 0 && counts.reclaimed > 0, "seed \(seed): \(counts)")
        #expect(counts.faults == Set(LockWorld.Fault.allCases), "seed \(seed)")
        for (name, counter) in world.counters {
            #expect(counter.value == counter.writes && counter.writes > 500, "seed \(seed): \(name) lost an update")
        }
        #expect(world.counters.values.contains { $0.refusals > 0 }, "seed \(seed): nothing was fenced off")
        world.close()
        world.time.run(until: 700_000)
        #expect(world.clients.allSatisfy { $0.handles.isEmpty }, "seed \(seed)")
        #expect(world.server.lockKeyCount == 0, "seed \(seed): something was left in the store")
    }
}
