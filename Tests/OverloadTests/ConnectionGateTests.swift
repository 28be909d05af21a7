import Overload
import Testing

struct ConnectionGateTests {
    /// A gate that was used to `perSecond` connections, at the time that it returns.
    private func gate(usedTo perSecond: Int) -> (ConnectionGate, Int) {
        var gate = ConnectionGate(at: 0)
        var now = 0
        for _ in 0..<20 {
            for _ in 0..<perSecond { _ = gate.decide(resumes: false, isShedding: false, at: now) }
            now += 1000
        }
        return (gate, now)
    }

    /// How many of those who come evenly over ten seconds are let in.
    private func admitted(_ gate: inout ConnectionGate, from start: Int, perSecond: Int, resumes: Bool) -> Int {
        (0..<perSecond * 10).reduce(0) { count, index in
            let now = start + index * 1000 / perSecond
            return count + (gate.decide(resumes: resumes, isShedding: false, at: now) == .admitted ? 1 : 0)
        }
    }

    @Test func normallyAndAtLightAllAreLetIn() {
        var (gate, now) = gate(usedTo: 10)
        #expect(admitted(&gate, from: now, perSecond: 5000, resumes: false) == 50_000)
        now += 10_000
        gate.ruleChanged(TierPolicy.of(.light).newConnections, at: now)
        #expect(gate.rate == nil)
        #expect(admitted(&gate, from: now, perSecond: 5000, resumes: false) == 50_000)
    }

    @Test(arguments: [(Tier.moderate, 200.0), (.heavy, 20)])
    func aTierLetsItsShareOfTheUsualRateIn(tier: Tier, perSecond: Double) {
        var (gate, now) = gate(usedTo: 2000)
        gate.ruleChanged(TierPolicy.of(tier).newConnections, at: now)
        let rate = gate.rate ?? 0
        #expect(abs(rate - perSecond) < perSecond * 0.2)
        let count = admitted(&gate, from: now, perSecond: 4000, resumes: true)
        #expect(Double(count) <= rate * 10.6 + 2)
        #expect(Double(count) >= rate * 9.5)
    }

    @Test func aQuietNodesShareIsNotNothing() {
        var gate = ConnectionGate(at: 0)
        gate.ruleChanged(TierPolicy.of(.heavy).newConnections, at: 0)
        #expect(gate.rate == ConnectionGate.leastUsualRate / 100)
    }

    @Test func thoseWhoResumeComeFirst() {
        var (gate, now) = gate(usedTo: 2000)
        gate.ruleChanged(TierPolicy.of(.moderate).newConnections, at: now)
        var counts = (resumed: 0, new: 0)
        for index in 0..<40_000 {
            let time = now + index / 4
            if gate.decide(resumes: false, isShedding: false, at: time) == .admitted { counts.new += 1 }
            if gate.decide(resumes: true, isShedding: false, at: time) == .admitted { counts.resumed += 1 }
        }
        #expect(counts.resumed > counts.new * 5)
        now += 10_000
        // Alone, the others get their share.
        #expect(admitted(&gate, from: now + 1000, perSecond: 4000, resumes: false) > 1500)
    }

    @Test func atHeavyOnlyThoseWhoResumeComeInAndOthersAreTurnedAwayBeforeTheUpgrade() {
        var (gate, now) = gate(usedTo: 2000)
        gate.ruleChanged(TierPolicy.of(.heavy).newConnections, at: now)
        guard case .turnedAway = gate.decide(resumes: false, isShedding: false, at: now) else {
            Issue.record("not turned away")
            return
        }
        #expect(gate.decide(resumes: true, isShedding: true, at: now) == .admitted)
    }

    @Test func whoComesAnewWaitsForTheInnerControllerAndWhoResumesDoesNot() {
        var gate = ConnectionGate(at: 0)
        #expect(gate.decide(resumes: true, isShedding: true, at: 0) == .admitted)
        guard case .refused = gate.decide(resumes: false, isShedding: true, at: 0) else {
            Issue.record("not refused")
            return
        }
    }

    @Test func theMoreAreRefusedTheLongerTheyAreSpread() {
        var gate = ConnectionGate(at: 0)
        gate.ruleChanged(TierPolicy.of(.moderate).newConnections, at: 0)
        var last = 0
        for _ in 0..<5000 {
            if case .refused(let retry) = gate.decide(resumes: false, isShedding: false, at: 0) {
                #expect(retry.lowerBound == 1000)
                #expect(retry.upperBound >= last)
                last = retry.upperBound
            }
        }
        #expect(last == 31_000)
        guard case .refused(let later) = gate.decide(resumes: true, isShedding: true, at: 20_000_000) else { return }
        #expect(later.upperBound < last)
    }
}
