import Testing

@testable import Overload

/// The governor in a loop with what it governs: a node whose load falls with what its tier gives up.
struct PlantTests {
    /// A node with a capacity of 1 under a constant demand.
    struct Plant {
        var demand: Double
        /// The cost of one message at each tier; later tiers batch, and do with less.
        var cost: [Double] = [1, 1, 1, 1]
        /// Of the demand, what each tier lets through.
        var admitted: [Double] = [1, 1.0 / 2, 1.0 / 5, 1.0 / 15]

        /// Milliseconds that the node's loops are late: they grow fast once it has more to do than it can.
        func lag(_ tier: Tier) -> Double {
            let load = load(tier)
            return load <= 0.7 ? 1 : load < 1 ? 1 + 10 * (load - 0.7) : 20 + 100 * (load - 1)
        }

        func load(_ tier: Tier) -> Double { demand * admitted[tier.rawValue] * cost[tier.rawValue] }

        /// A sample of it at this tier.
        func sample(_ tier: Tier, isCounted: Bool) -> (Readings, Demand) {
            let done = demand * admitted[tier.rawValue] * 1000
            let readings = Readings([.loopLag: lag(tier), .cpu: min(load(tier), 1)])
            return (readings, Demand(admitted: done, suppressed: isCounted ? demand * 1000 - done : 0))
        }
    }

    /// Runs a plant; what it gives up is known to the governor when `isCounted`.
    private func run(_ plant: Plant, seconds: Int, isCounted: Bool = true, in rehearsal: inout Rehearsal) {
        for _ in 0..<seconds * 1000 / Rehearsal.step {
            let (readings, demand) = plant.sample(rehearsal.tier, isCounted: isCounted)
            rehearsal.sample(readings, demand: demand)
        }
    }

    @Test("Four times what the node can do, for ten minutes: at most four changes, and normal within 10 s of its end")
    func constantOverload() {
        var rehearsal = Rehearsal()
        run(Plant(demand: 0.5), seconds: 10, in: &rehearsal)
        #expect(rehearsal.tier == .normal)
        run(Plant(demand: 4), seconds: 600, in: &rehearsal)
        #expect(rehearsal.changes[0].at <= 11_500)
        #expect((1...4).contains(rehearsal.changes.count), "\(rehearsal.changes)")
        #expect(rehearsal.tier > .normal)
        run(Plant(demand: 0.1), seconds: 10, in: &rehearsal)
        #expect(rehearsal.tier == .normal, "\(rehearsal.changes)")
    }

    @Test(
        "Any constant overload, whatever the tiers make of it: at most seven changes in ten minutes",
        arguments: [1.1, 1.3, 1.6, 2, 2.5, 3, 4, 5, 7, 10, 20])
    func anyOverload(demand: Double) {
        var rehearsal = Rehearsal()
        run(Plant(demand: demand), seconds: 600, in: &rehearsal)
        // A little more than it can do gives delays that are not worth a tier.
        #expect(((demand < 1.2 ? 0 : 1)...7).contains(rehearsal.changes.count), "\(rehearsal.changes)")
    }

    @Test(
        "Any load that ends: normal within 10 s of its end, whatever tier it brought",
        arguments: [1.3, 2, 3, 4, 7, 10, 20])
    func anyEnd(demand: Double) {
        var rehearsal = Rehearsal()
        run(Plant(demand: 0.4), seconds: 10, in: &rehearsal)
        run(Plant(demand: demand), seconds: 30, in: &rehearsal)
        #expect(rehearsal.tier > .normal)
        run(Plant(demand: 0.4), seconds: 10, in: &rehearsal)
        #expect(rehearsal.tier == .normal, "\(rehearsal.changes)")
    }

    @Test(
        "Memory and descriptors: normal within 30 s of the end of their emergency, under any demand",
        arguments: [Emergency.memoryExhausted, .outOfDescriptors])
    func emergencies(emergency: Emergency) {
        for demand in [Demand(), Demand(admitted: 1000)] {
            var rehearsal = Rehearsal()
            rehearsal.hold([.memory: 0.3], seconds: 5, demand: demand)
            rehearsal.hold(
                [.memory: emergency == .memoryExhausted ? 0.97 : 0.3], seconds: 20, emergency: emergency,
                demand: demand)
            #expect(rehearsal.tier == .heavy)
            rehearsal.hold([.memory: 0.3], seconds: 30, demand: demand)
            #expect(rehearsal.tier == .normal, "\(rehearsal.changes)")
        }
    }

    @Test("A tier that only makes messages cheaper suppresses nothing that is counted: no swinging either")
    func cheaperTier() {
        var rehearsal = Rehearsal()
        let plant = Plant(demand: 1.3, cost: [1, 0.5, 0.4, 0.3], admitted: [1, 1, 1, 1])
        run(plant, seconds: 600, isCounted: false, in: &rehearsal)
        #expect((1...7).contains(rehearsal.changes.count), "\(rehearsal.changes)")
        // When the demand has gone, what was learned does not hold the node back.
        run(Plant(demand: 0.1), seconds: 30, isCounted: false, in: &rehearsal)
        #expect(rehearsal.tier == .normal, "\(rehearsal.changes)")
    }
}
