import Testing

@testable import Gateway

@Suite("How a peer takes what it was sent")
struct OutputProgressTests {
    @Test("A peer that takes some is taking; one that takes nothing for thirty seconds stands still")
    func standstill() {
        var progress = OutputProgress(unacknowledged: 10, at: 1_000)
        #expect(progress.looked(unacknowledged: 10, at: 30_999) == .waiting)
        #expect(progress.looked(unacknowledged: 9, at: 31_000) == .taking)
        #expect(progress.looked(unacknowledged: 9, at: 60_999) == .waiting)
        #expect(progress.looked(unacknowledged: 9, at: 61_000) == .standstill)
    }

    @Test("What is added is not progress, and taking counts from there")
    func added() {
        var progress = OutputProgress(unacknowledged: 10, at: 0)
        #expect(progress.looked(unacknowledged: 50, at: 2_000) == .waiting)
        #expect(progress.looked(unacknowledged: 49, at: 4_000) == .taking)
        #expect(progress.looked(unacknowledged: 60, at: 34_000) == .standstill)
    }
}
