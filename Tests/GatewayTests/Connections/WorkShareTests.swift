import Testing

@testable import Gateway

@Suite("A connection's share of a turn")
struct WorkShareTests {
    @Test("It ends with so many messages")
    func messages() {
        var share = WorkShare()
        for _ in 0..<WorkShare.messagesMax - 1 { share.took(isDear: false) { 7 } }
        #expect(!share.isSpent)
        share.took(isDear: false) { 7 }
        #expect(share.isSpent)
    }

    @Test("A request that may be dear is timed by itself")
    func dear() {
        var share = WorkShare()
        share.took(isDear: true) { 7 }
        share.took(isDear: true) { 7 + WorkShare.nanosecondsMax }
        #expect(share.isSpent)
    }

    @Test("The first message's time counts, if it is known when it began")
    func start() {
        var share = WorkShare(startedAt: 7)
        share.took(isDear: true) { 7 + WorkShare.nanosecondsMax - 1 }
        #expect(!share.isSpent)
        share.took(isDear: true) { 7 + WorkShare.nanosecondsMax }
        #expect(share.isSpent)
    }

    @Test("It ends after so much time from the first look on")
    func time() {
        var share = WorkShare()
        share.look(at: 5)
        #expect(!share.isSpent)
        share.look(at: 4 + WorkShare.nanosecondsMax)
        #expect(!share.isSpent)
        share.look(at: 5 + WorkShare.nanosecondsMax)
        #expect(share.isSpent)
    }
}
