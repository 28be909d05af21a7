import Overload
import Testing

/// The table of tiers, row by row.
struct TierPolicyTests {
    private let tiers = Tier.allCases.map(TierPolicy.of)

    @Test func everyTierHasItsPolicy() {
        #expect(tiers.map(\.tier) == Tier.allCases)
        #expect(Tier.allCases.map { "\($0.name)" } == ["normal", "light", "moderate", "heavy"])
        for tier in Tier.allCases { #expect(Tier(named: "\(tier.name)") == tier) }
        #expect(Tier(named: "auto") == nil)
    }

    @Test func rowsAreThoseOfTheDesign() {
        #expect(tiers.map(\.typing) == [.each, .paced(everyMilliseconds: 3000, usersMax: 200), .off, .off])
        #expect(
            tiers.map(\.presence) == [
                .each, .counts(everyMilliseconds: 2000, usersAbove: 50),
                .counts(everyMilliseconds: 10000, usersAbove: 0), .off,
            ])
        #expect(
            tiers.map(\.readMarks) == [
                .each, .batched(everyMilliseconds: 2000), .batched(everyMilliseconds: 10000), .kept,
            ])
        #expect(tiers.map(\.readsMax) == [500, 100, 20, nil])
        #expect(tiers.map(\.storage) == [.every, .every, .every, .sampled(oneOf: 10)])
        #expect(tiers.map { $0.messagesPerSecond(of: 50) } == [50, 25, 10, 3])
        #expect(tiers.map { $0.messagesPerSecond(of: 10) } == [10, 5, 2, 1])
        #expect(
            tiers.map(\.newConnections) == [
                .all, .share(perThousand: 500), .share(perThousand: 100), .resumesOnly(perThousand: 10),
            ])
        #expect(tiers.map { $0.messageBytesMax(of: 65536) } == [65536, 65536, 16384, 4096])
        #expect(tiers.map { $0.messageBytesMax(of: 1000) } == [1000, 1000, 1000, 1000])
        #expect(tiers.map(\.roundMilliseconds) == [0, 0, 50, 200])
        #expect(tiers.map { $0.sendQueueBytesMax(of: 1 << 20) } == [1 << 20, 1 << 19, 1 << 18, 1 << 16])
        #expect(tiers.map { $0.sendQueueBytesMax(of: 4096) } == [4096, 4096, 4096, 4096])
        #expect(tiers.map { $0.heartbeatMilliseconds(of: 30000, timeout: 90000) } == [30000, 30000, 60000, 60000])
        #expect(tiers.map { $0.heartbeatMilliseconds(of: 30000, timeout: 300000) } == [30000, 30000, 60000, 90000])
        #expect(tiers.map(\.compresses) == [true, true, false, false])
        #expect(
            tiers.map(\.http) == [.all, .cachedLists(milliseconds: 5000), .cachedReads(milliseconds: 5000), .essential])
    }

    @Test func aHigherTierNeverAllowsMore() {
        for (better, worse) in zip(tiers, tiers.dropFirst()) {
            #expect(worse.messagesPerSecond(of: 1000) < better.messagesPerSecond(of: 1000))
            #expect(worse.messageBytesMax(of: 1 << 20) <= better.messageBytesMax(of: 1 << 20))
            #expect(worse.roundMilliseconds >= better.roundMilliseconds)
            #expect(worse.sendQueueBytesMax(of: 1 << 20) < better.sendQueueBytesMax(of: 1 << 20))
            #expect((worse.readsMax ?? 0) < (better.readsMax ?? 0))
        }
    }

    @Test func whatIsSuspendedIsNamed() {
        let names = tiers.map { $0.suspended(hasStore: true, isCompressing: true).map { "\($0)" } }
        #expect(names[0].isEmpty && names[1].isEmpty)
        #expect(names[2] == ["typing", "compression"])
        #expect(
            names[3] == [
                "typing", "presence", "read_marks", "history", "users", "storage", "compression", "new_connections",
                "http",
            ])
        #expect(TierPolicy.of(.moderate).suspended(hasStore: false, isCompressing: false).count == 1)
    }

    @Test func theLogNamesEveryRowThatATierChanges() {
        #expect(TierTable.summary(of: .normal).isEmpty)
        for tier in [Tier.light, .moderate, .heavy] {
            let summary = TierTable.summary(of: tier)
            for row in TierTable.rows {
                let isChanged = row.tiers[tier.rawValue] != row.tiers[0]
                #expect(summary.contains("\(row.feature): ") == isChanged, "\(tier): \(row.feature)")
            }
        }
    }

    @Test func theTableInWordsHasARowForEveryFieldAndAColumnForEveryTier() {
        // The policy's fields but the tier itself.
        #expect(TierTable.rows.count == Mirror(reflecting: TierPolicy.of(.normal)).children.count - 1)
        for row in TierTable.rows {
            #expect(row.tiers.count == Tier.allCases.count)
            #expect(Set(row.tiers).count > 1, "\(row.feature) is the same in all tiers")
        }
    }
}
