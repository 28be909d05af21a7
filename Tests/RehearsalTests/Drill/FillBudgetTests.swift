import Testing

@testable import Rehearsal

@Suite("How much a node may be given")
struct FillBudgetTests {
    /// A node that is heard of late, and uses `cost` bytes for each that it is given.
    private func peak(cost: Double, lateness: Int, target: Double = 0.95, seconds: Int = 30) -> Double {
        let limit = 100_000_000.0
        var budget = FillBudget(
            limitBytes: Int(limit), target: target, share: 0.1, rampMilliseconds: 10_000, at: 0)
        var used = [0.1]
        var peak = 0.0
        for now in stride(from: 0, through: seconds * 1000, by: 100) {
            let known = used[max(0, used.count - 1 - lateness / 100)]
            budget.heard(share: known, at: now)
            var share = used[used.count - 1]
            while budget.allowance(at: now) >= 16_000 {
                budget.gave(16_000, at: now)
                share += 16_000 * cost / limit
            }
            used.append(share)
            peak = max(peak, share)
        }
        return peak
    }

    @Test("it comes to the target, and never over it", arguments: [0, 300, 900, FillBudget.blindMilliseconds - 100])
    func target(lateness: Int) {
        for cost in [0.9, 1.0, 1.1, FillBudget.costPerByte] {
            let peak = peak(cost: cost, lateness: lateness)
            #expect(peak <= 0.95 + 1e-6 && peak > 0.94, "cost \(cost)")
        }
    }

    @Test("it rises with the time that it is given")
    func ramp() {
        // What may not be seen yet is taken for not seen: it is late by so much.
        let late = 0.85 * Double(FillBudget.blindMilliseconds + 100) / 10_000
        let half = peak(cost: FillBudget.costPerByte, lateness: 0, seconds: 5)
        #expect(half <= 0.525 && half > 0.525 - late)
        var budget = FillBudget(limitBytes: 1_000_000, target: 0.5, share: 0, rampMilliseconds: 1000, at: 0)
        #expect(budget.allowance(at: 0) == 0)
        #expect(budget.allowance(at: 500) == 200_000 && budget.allowance(at: 5000) == 400_000)
        budget.gave(400_000, at: 5000)
        #expect(budget.allowance(at: 5000) == 0)
        // Nothing was heard since.
        #expect(budget.allowance(at: 60_000) == 0)
        budget.heard(share: 0.5, at: 5000 + FillBudget.blindMilliseconds)
        #expect(budget.allowance(at: 60_000) < 0)
        budget.heard(share: 0.5, at: 5001 + FillBudget.blindMilliseconds)
        #expect(budget.allowance(at: 60_000) == 0)
    }

    @Test("a node over the target gets nothing")
    func over() {
        let budget = FillBudget(limitBytes: 1_000_000, target: 0.5, share: 0.8, rampMilliseconds: 1, at: 0)
        #expect(budget.allowance(at: 10) < 0)
    }
}
