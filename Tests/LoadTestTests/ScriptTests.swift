import Testing
import Toolkit

@testable import load_test

@Suite("The steps of each scenario")
struct ScriptTests {
    private func steps(_ arguments: String...) throws -> [Step] {
        Script.steps(of: try LoadOptions.parse(arguments).plan(openFilesMax: 20_000))
    }

    @Test("every scenario but churn connects first, and all but an overload that has to search end by settling")
    func ends() throws {
        for scenario in Scenario.allCases {
            let steps = try steps("--scenario", scenario.rawValue)
            #expect((steps.first == .connect) == (scenario != .churn))
            #expect((steps.last == .settle) == (scenario != .overload))
        }
    }

    @Test("a ramp takes the place of the warm-up, and neither is measured")
    func ramp() throws {
        let steps = try steps("--ramp", "3", "--message-rate", "50", "--duration", "20")
        #expect(
            steps[1] == .send(name: "ramp", order: Load(perSecond: 50, rampSeconds: 3), seconds: 3, isMeasured: false))
        #expect(steps[2] == .send(name: "measure", order: nil, seconds: 20, isMeasured: true))
    }

    @Test("overload steps are multiples of the capacity, then half of it")
    func overload() throws {
        let steps = try steps("--scenario", "overload", "--capacity", "1000", "--duration", "50")
        let rates = steps.compactMap { step -> Double? in
            guard case .overload(_, _, let perSecond, let seconds) = step else { return nil }
            #expect(seconds == (perSecond < 1000 ? 60 : 10))
            return perSecond
        }
        #expect(rates == [1000, 2000, 5000, 10_000, 500])
    }

    @Test("the worst tier is the one that gives up most")
    func tiers() {
        #expect(NodeStatus.worstTier(["light", "heavy", "normal"]) == "heavy")
        #expect(NodeStatus.worstTier([]) == nil)
        #expect(NodeStatus.worstTier(["heavy", "unheard-of"]) == "unheard-of")
    }
}
