import Testing

@testable import Overload

struct LadderTests {
    private static let step = 250

    /// A ladder that is fed with pressures.
    private struct Climb {
        var ladder = Ladder(marks: LadderMarks(), at: 0)
        var now = 0

        /// The last tier that was entered meanwhile.
        @discardableResult
        mutating func hold(
            _ pressure: Double, deep: Double? = nil, samples: Int, emergency: Bool = false, demand: Demand = Demand()
        ) -> Tier? {
            var entered: Tier?
            for _ in 0..<samples {
                entered =
                    ladder.sampled(
                        pressure, deep: deep ?? pressure, isEmergency: emergency, demand: demand, at: now) ?? entered
                now += LadderTests.step
            }
            return entered
        }
    }

    @Test(
        "Each tier is entered at its mark, with the second sample; just below it, never",
        arguments: [(0.60, Tier.light), (0.75, .moderate), (0.90, .heavy)])
    func enterMarks(pressure: Double, tier: Tier) {
        var climb = Climb()
        #expect(climb.hold(pressure, samples: 1) == nil)
        #expect(climb.hold(pressure, samples: 1) == tier)
        var below = Climb()
        below.hold(pressure.nextDown, samples: 1000)
        #expect(below.ladder.tier < tier)
    }

    @Test("What is for light alone leads no further, and holds the node no higher")
    func lightAlone() {
        var climb = Climb()
        climb.hold(1, deep: 0.3, samples: 100)
        #expect(climb.ladder.tier == .light)
        climb.hold(0.95, samples: 2)
        #expect(climb.ladder.tier == .heavy)
        climb.hold(1, deep: 0.3, samples: 200)
        #expect(climb.ladder.tier == .light)
        climb.hold(0.3, samples: 200)
        #expect(climb.ladder.tier == .normal)
    }

    @Test("A single sample is no reason, and of two the lower one counts")
    func twoSamples() {
        var climb = Climb()
        for _ in 0..<10 {
            climb.hold(1, samples: 1)
            climb.hold(0, samples: 1)
        }
        #expect(climb.ladder.tier == .normal)
        climb.hold(0.8, samples: 1)
        #expect(climb.hold(0.95, samples: 1) == .moderate)
        #expect(climb.hold(0.95, samples: 1) == .heavy)
    }

    @Test("Tiers are left one at a time, each after its time below its mark")
    func leaving() {
        var climb = Climb()
        climb.hold(1, samples: 2)
        #expect(climb.hold(0.70, samples: 400) == nil)
        // 10, 8 and 5 s are 40, 32 and 20 steps; the first sample only begins the time.
        #expect(climb.hold(0.69, samples: 40) == nil)
        #expect(climb.hold(0.69, samples: 1) == .moderate)
        #expect(climb.hold(0.60, samples: 400) == nil)
        #expect(climb.hold(0.59, samples: 32) == nil)
        #expect(climb.hold(0.59, samples: 1) == .light)
        #expect(climb.hold(0.45, samples: 400) == nil)
        #expect(climb.hold(0.44, samples: 20) == nil)
        #expect(climb.hold(0.44, samples: 1) == .normal)
        #expect(climb.hold(0.44, samples: 400) == nil)
    }

    @Test("When the demand has gone, one calm of 5 s counts for all tiers; when half of it is left, each has its own")
    func demandGone() {
        func climb(_ demand: Demand, samples: Int) -> Tier {
            var climb = Climb()
            climb.hold(1, samples: 2, demand: Demand(admitted: 500, suppressed: 500))
            climb.hold(0.3, samples: samples, demand: demand)
            return climb.ladder.tier
        }
        #expect(climb(Demand(admitted: 499), samples: 20) == .heavy)
        #expect(climb(Demand(admitted: 499), samples: 23) == .normal)
        #expect(climb(Demand(admitted: 500), samples: 40) == .heavy)
        #expect(climb(Demand(admitted: 500), samples: 41) == .moderate)
        // More than was ever done, and some of it given up: that is a demand that is there.
        #expect(climb(Demand(admitted: 200, suppressed: 299), samples: 40) == .heavy)
        #expect(climb(Demand(admitted: 300, suppressed: 16), samples: 40) == .heavy)
        #expect(climb(Demand(admitted: 300, suppressed: 15), samples: 23) == .normal)
        // Without any demand it was something else that led up.
        var climb = Climb()
        climb.hold(1, samples: 2)
        climb.hold(0, samples: 40)
        #expect(climb.ladder.tier == .heavy)
    }

    @Test("A load that comes and goes is not taken for gone a second time")
    func comesAndGoes() {
        var climb = Climb()
        var changes: [Tier] = []
        for _ in 0..<10 {
            for (pressure, offered) in [(1.0, 1000.0), (0.1, 10)] {
                for _ in 0..<40 {
                    if let tier = climb.hold(pressure, samples: 1, demand: Demand(admitted: offered)) {
                        changes.append(tier)
                    }
                }
            }
        }
        #expect(Array(changes.prefix(5)) == [.heavy, .moderate, .light, .normal, .heavy])
        #expect(changes.count <= 20, "\(changes)")
    }

    @Test("The time below the mark is one piece")
    func calmIsUnbroken() {
        var climb = Climb()
        climb.hold(0.65, samples: 2)
        for _ in 0..<20 {
            climb.hold(0.4, samples: 20)
            climb.hold(0.5, samples: 1)
        }
        #expect(climb.ladder.tier == .light)
        #expect(climb.hold(0.4, samples: 21) == .normal)
    }

    @Test("What the tier gives up is added back before it is left")
    func suppressedIsAddedBack() {
        // Light is entered at 0.60: with a fifth of the demand given up it is left at 0.39, not at 0.41.
        var climb = Climb()
        climb.hold(0.65, samples: 2)
        let demand = Demand(admitted: 800, suppressed: 200)
        #expect(climb.hold(0.41, samples: 100, demand: demand) == nil)
        #expect(climb.hold(0.39, samples: 1, demand: demand) == .normal)
        // 5 % of what was done is little; it does not matter then how high the pressure is.
        var little = Climb()
        little.hold(0.65, samples: 2)
        #expect(little.hold(0.44, samples: 100, demand: Demand(admitted: 1000, suppressed: 51)) == .normal)
        var heavy = Climb()
        heavy.hold(1, samples: 2)
        #expect(heavy.hold(0, samples: 200, demand: Demand(admitted: 10, suppressed: 140)) == nil)
    }

    @Test("A tier that gives much up is left on trial after 120 s, and ever more seldom")
    func trials() {
        var climb = Climb()
        let demand = Demand(admitted: 10, suppressed: 990)
        climb.hold(0.80, samples: 2)
        var tries: [Int] = []
        for _ in 0..<3 {
            let start = climb.now - Self.step
            while climb.hold(0.3, samples: 1, demand: demand) == nil {}
            tries.append((climb.now - Self.step - start) / 1000)
            #expect(climb.ladder.tier == .light)
            climb.hold(0.80, samples: 2, demand: demand)
            #expect(climb.ladder.tier == .moderate)
        }
        // Twice for the try itself, and twice for having been undone.
        #expect(tries == [120, 480, 1920])
    }

    @Test("A step down that is soon undone is not repeated under the same demand, but at once under half of it")
    func undoneSteps() {
        var climb = Climb()
        climb.hold(0.65, samples: 2, demand: Demand(admitted: 1000))
        #expect(climb.hold(0.1, samples: 21, demand: Demand(admitted: 1000)) == .normal)
        climb.hold(0.1, samples: 40, demand: Demand(admitted: 1000))
        #expect(climb.hold(0.65, samples: 2, demand: Demand(admitted: 1000)) == .light)
        #expect(climb.hold(0.1, samples: 200, demand: Demand(admitted: 900)) == nil)
        #expect(climb.hold(0.1, samples: 1, demand: Demand(admitted: 499)) == .normal)
    }

    @Test("A step down that something else than demand undid is repeated as soon as that is over")
    func undoneWithoutDemand() {
        for demand in [Demand(), Demand(admitted: 0.9)] {
            var climb = Climb()
            climb.hold(1, samples: 2, demand: demand)
            climb.hold(0, samples: 100, demand: demand)
            #expect(climb.ladder.tier == .normal)
            climb.hold(0.65, samples: 2, demand: demand)
            #expect(climb.ladder.tier == .light)
            climb.hold(0, samples: 25, demand: demand)
            #expect(climb.ladder.tier == .normal)
        }
    }

    @Test("After a minute at normal nothing is remembered")
    func forgetting() {
        var climb = Climb()
        for _ in 0..<5 {
            #expect(climb.hold(0.65, samples: 2, demand: Demand(admitted: 1000)) == .light)
            #expect(climb.hold(0.1, samples: 21, demand: Demand(admitted: 1000)) == .normal)
            climb.hold(0.1, samples: 241, demand: Demand(admitted: 1000))
        }
    }

    @Test("An emergency is heavy at once, whatever the pressure, and as long as it lasts")
    func emergency() {
        var climb = Climb()
        #expect(climb.hold(0, samples: 1, emergency: true) == .heavy)
        #expect(climb.hold(0, samples: 400, emergency: true) == nil)
        #expect(climb.hold(0, samples: 40) == nil)
        #expect(climb.hold(0, samples: 1) == .moderate)
    }

    @Test("A pinned tier stays, also in an emergency; let go, the pressure decides at once")
    func pinning() {
        var climb = Climb()
        #expect(climb.ladder.pinned(to: .moderate, at: climb.now) == .moderate && climb.ladder.isPinned)
        #expect(climb.ladder.pinned(to: .moderate, at: climb.now) == nil)
        #expect(climb.hold(1, samples: 10, emergency: true) == nil)
        #expect(climb.hold(0, samples: 1000) == nil)
        #expect(climb.ladder.unpinned(at: climb.now) == .normal && !climb.ladder.isPinned)
        #expect(climb.ladder.unpinned(at: climb.now) == nil)
        #expect(climb.ladder.pinned(to: .normal, at: climb.now) == nil)
        climb.hold(0.8, samples: 10)
        #expect(climb.ladder.tier == .normal)
        #expect(climb.ladder.unpinned(at: climb.now) == .moderate)
    }

    @Test("Marks are taken in rising order only, each left below where it is entered")
    func marks() {
        #expect(LadderMarks(enter: [0.6, 0.75, 0.9], leave: [0.45, 0.6, 0.7]) == LadderMarks())
        #expect(LadderMarks(enter: [0.6, 0.6, 0.9], leave: [0.1, 0.1, 0.1]) == nil)
        #expect(LadderMarks(enter: [0.6, 0.75, 0.9], leave: [0.6, 0.6, 0.7]) == nil)
        #expect(LadderMarks(enter: [0.6, 0.75, 0.9], leave: [0.5, 0.4, 0.7]) == nil)
        #expect(LadderMarks(enter: [0.6, 0.75], leave: [0.5, 0.6]) == nil)
        #expect(LadderMarks.marks(from: "0.5, 0.6,1") == [0.5, 0.6, 1])
        for text in ["", "1", "0.5,0.6", "0.5,0.6,1.01", "0,0.5,1", "0.6,0.5,1", "0.5,0.6,x", "0.5,0.6,1,", "-1,0.5,1"]
        {
            #expect(LadderMarks.marks(from: text) == nil, "\(text)")
        }
    }
}
