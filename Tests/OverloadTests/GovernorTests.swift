import Testing

@testable import Overload

struct GovernorTests {
    @Test("What it found is in its report: signals that are there, the highest pressure, its reason")
    func report() {
        var rehearsal = Rehearsal()
        rehearsal.hold([.memory: 0.7 + 0.25 / 2, .cpu: 0.2], seconds: 10)
        let report = rehearsal.governor.report
        #expect(report.readings.map(\.signal) == [.memory, .cpu])
        #expect(report.readings[1].pressure == 0 && report.readings[0].signal.unit == "ratio")
        #expect(abs(report.pressure - 0.5) < 0.001 && report.reason == "memory")
        #expect(report.tier == .normal && !report.isPinned && !report.isDryRun && report.changes.isEmpty)
        var quiet = Rehearsal()
        quiet.hold([.cpu: 0.2], seconds: 2)
        #expect(quiet.governor.report.reason == nil && quiet.governor.report.pressure == 0)
    }

    @Test("Each change is kept with its reason, the last ones only, and counted by tier")
    func changes() {
        var rehearsal = Rehearsal(Governor.Settings(isDryRun: true))
        rehearsal.hold([.queueDelay: 500], seconds: 5)
        #expect(rehearsal.changes.last?.to == .heavy && rehearsal.changes.last?.reason == "queue_delay")
        rehearsal.hold([.queueDelay: 0], seconds: 60)
        #expect(rehearsal.tier == .normal)
        let report = rehearsal.governor.report
        #expect(report.isDryRun && report.changes.map(\.to) == rehearsal.tiers)
        #expect(report.changes.first?.from == .normal && report.since == report.changes.last?.at)
        #expect(report.changesTo == [.light: 2, .moderate: 2, .heavy: 1, .normal: 1])
        for _ in 0..<60 {
            rehearsal.pin(.light)
            rehearsal.pin(.normal)
        }
        let pinned = rehearsal.governor.report
        #expect(pinned.changes.count == GovernorReport.changesMax && pinned.changesTo[.light] == 62)
        #expect(pinned.changes.allSatisfy { $0.reason == "pinned" } && pinned.isPinned)
        rehearsal.pin(nil)
        #expect(!rehearsal.governor.report.isPinned)
    }

    @Test("Each resource has a tier of its own, and an operator's is that of all")
    func resources() {
        var rehearsal = Rehearsal()
        rehearsal.hold([.memory: 0.90, .loopLag: 1], seconds: 5)
        var tiers = ResourceTiers(all: .normal)
        tiers[.memory] = .moderate
        #expect(rehearsal.governor.report.tiers == tiers && rehearsal.tier == .moderate)
        rehearsal.hold([.memory: 0.90, .loopLag: 35, .cpu: 1], seconds: 5)
        tiers[.loop] = .light
        #expect(rehearsal.governor.report.tiers == tiers && rehearsal.tiers == [.light, .moderate])
        rehearsal.hold([.memory: 0.90, .loopLag: 1], seconds: 20, emergency: .sendQueuesFull)
        (tiers[.loop], tiers[.sendQueue]) = (.normal, .heavy)
        #expect(rehearsal.governor.report.tiers == tiers && rehearsal.tier == .heavy)
        rehearsal.pin(.light)
        #expect(rehearsal.governor.report.tiers == ResourceTiers(all: .light))
    }

    @Test("The probable cause of a change is kept with it")
    func cause() {
        var rehearsal = Rehearsal()
        rehearsal.hold([.queueDelay: 500, .hostCPU: 100, .cpu: 0.75], seconds: 5)
        #expect(rehearsal.governor.report.changes.last?.cause == .hostCPU)
        #expect(rehearsal.governor.report.reason == "queue_delay" && rehearsal.governor.report.cause == .hostCPU)
    }

    @Test("Letting go is reported as such, and takes the tier that the signals ask for")
    func unpinning() {
        var rehearsal = Rehearsal()
        rehearsal.hold([.queueDelay: 500], seconds: 5)
        rehearsal.pin(.normal)
        rehearsal.hold([.queueDelay: 500], seconds: 5, emergency: .memoryExhausted)
        #expect(rehearsal.tier == .normal)
        rehearsal.pin(nil)
        #expect(rehearsal.tier == .heavy && rehearsal.changes.last?.reason == "unpinned")
    }

    @Test(
        "Emergencies go by the names of their signals",
        arguments: [
            (Emergency.workerStalled, "loop_lag"), (.memoryExhausted, "memory"), (.outOfDescriptors, "open_files"),
            (.sendQueuesFull, "send_queue"),
        ])
    func emergencies(emergency: Emergency, reason: String) {
        var rehearsal = Rehearsal()
        rehearsal.hold([.cpu: 0.1], seconds: 1)
        rehearsal.hold([.cpu: 0.1], seconds: 0.25, emergency: emergency)
        #expect(rehearsal.tier == .heavy && rehearsal.changes.map(\.reason) == [reason])
        #expect(rehearsal.governor.report.reason == reason && rehearsal.governor.report.pressure == 1)
    }
}
