import Overload
import Testing

@testable import Gateway

struct SpreadNoticesTests {
    @Test func everybodyIsToldWithinEightTicksAndOnce() {
        var notices = SpreadNotices<Tier>(overTicks: 8)
        notices.changed(from: .normal, keys: (0..<1_001).map { UInt64($0) })
        var notified: [UInt64] = []
        var ticks = 0
        while true {
            let due = notices.takeDue()
            if due.isEmpty { break }
            #expect(due.count <= 126 && due.allSatisfy { $0.known == .normal })
            notified += due.map(\.key)
            ticks += 1
        }
        #expect(ticks == 8 && notified.count == 1_001 && Set(notified).count == 1_001)
    }

    @Test func whoWasNotToldOfTheFormerChangeHearsOfTheLastOneAlone() {
        var notices = SpreadNotices<Tier>(overTicks: 8)
        notices.changed(from: .normal, keys: [1, 2, 3, 4, 5, 6, 7, 8, 9].map { UInt64($0) })
        let first = notices.takeDue().map(\.key)
        notices.changed(from: .light, keys: [1, 2, 3, 4, 5, 6, 7, 8, 9].map { UInt64($0) })
        var known: [UInt64: Tier] = [:]
        while case let due = notices.takeDue(), !due.isEmpty {
            for notice in due { known[notice.key] = notice.known }
        }
        #expect(known.count == 9)
        for (key, tier) in known { #expect(tier == (first.contains(key) ? .light : .normal)) }
    }
}
