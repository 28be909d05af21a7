import Core
import Testing

@testable import Gateway

@Suite("The rare state of a connection")
struct RareStateTests {
    private let policy = RatePolicy(perSecond: 10)

    @Test("A bucket that is full again is given back, one that is in use is not")
    func settle() {
        var rare = RareState()
        #expect(rare.upkeep.take(at: 1000, policy: policy) == .allowed)
        #expect(rare.isHeld)
        rare.settle(at: 1099)
        #expect(rare.isHeld)
        rare.settle(at: 1100)
        #expect(!rare.isHeld)
    }

    @Test("A ping that waits for its answer keeps it, and what else is there stays")
    func latePing() {
        var rare = RareState()
        rare.upkeep.latePing = [1]
        rare.settle(at: 10_000)
        #expect(rare.upkeep.latePing == [1])
        rare.upkeep.latePing = nil
        rare.client = .own
        rare.settle(at: 10_000)
        #expect(rare.isHeld && rare.client == .own)
    }
}
