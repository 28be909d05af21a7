import Testing

@testable import Overload

struct EmergencyTests {
    private func found(
        _ values: [Signal: Double] = [:], stall: Int = 0, reclaimed: Bool = false, descriptors: Bool = false
    ) -> Emergency? {
        Emergency.found(
            in: Readings(values), stallMilliseconds: stall, memoryWasReclaimed: reclaimed,
            outOfDescriptors: descriptors)
    }

    @Test("Each at its limit and not below it")
    func limits() {
        #expect(found() == nil)
        #expect(found(stall: 500) == nil && found(stall: 501) == .workerStalled)
        #expect(found([.memory: 0.949]) == nil && found([.memory: 0.95]) == .memoryExhausted)
        #expect(found([.sendQueue: 0.90]) == nil && found([.sendQueue: 0.901]) == .sendQueuesFull)
        #expect(found(reclaimed: true) == .memoryExhausted)
        #expect(found(descriptors: true) == .outOfDescriptors)
        #expect(found([.memory: 1], stall: 900, descriptors: true) == .memoryExhausted)
    }

    @Test("Backlogs are cut where they are the trouble, and newcomers wait where they would add to it")
    func mitigation() {
        let all: [Emergency] = [.workerStalled, .memoryExhausted, .outOfDescriptors, .sendQueuesFull]
        #expect(all.map(\.cutsBacklogs) == [false, true, false, true])
        #expect(all.map(\.slowsAccepting) == [true, true, true, false])
    }
}
