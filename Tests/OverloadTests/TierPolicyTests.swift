import Overload
import Testing

/// The table of tiers, row by row.
struct TierPolicyTests {
    private let tiers = Tier.allCases.map { TierPolicy.of($0) }

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
        #expect(tiers.map { $0.messagesPerSecond(of: 50) } == [50, 50, 25, 5])
        #expect(tiers.map { $0.messagesPerSecond(of: 10) } == [10, 10, 5, 1])
        #expect(
            tiers.map(\.newConnections) == [
                .all, .all, .share(perThousand: 100), .resumesOnly(perThousand: 10),
            ])
        #expect(tiers.map { $0.messageBytesMax(of: 65536) } == [65536, 65536, 16384, 4096])
        #expect(tiers.map { $0.messageBytesMax(of: 1000) } == [1000, 1000, 1000, 1000])
        #expect(tiers.map(\.roundMilliseconds) == [0, 0, 0, 50])
        #expect(tiers.map(\.acceptsPerSecond) == [nil, 1000, 1000, 1000])
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
            #expect(worse.messagesPerSecond(of: 1000) <= better.messagesPerSecond(of: 1000))
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

    /// The policy when one resource is as short as can be.
    private func policy(_ resource: Resource, _ tier: Tier = .heavy) -> TierPolicy {
        var tiers = ResourceTiers(all: .normal)
        tiers[resource] = tier
        return .of(tiers)
    }

    private func suspended(_ policy: TierPolicy) -> [String] {
        policy.suspended(hasStore: true, isCompressing: true).map { "\($0)" }
    }

    @Test func lightRefusesNobodyAndLowersNoRate() {
        let (normal, light) = (TierPolicy.of(.normal), TierPolicy.of(.light))
        #expect(light.newConnections == .all && light.messagesPerSecond(of: 50) == 50 && light.roundMilliseconds == 0)
        #expect(
            light.messageBytesMax(of: 1 << 20) == 1 << 20 && light.isAnnounced(as: light)
                && !light.isAnnounced(as: normal))
        #expect(suspended(light).isEmpty)
    }

    @Test func aTierTakesOnlyWhatMitigatesTheResourceThatBroughtIt() {
        let memory = policy(.memory)
        #expect(memory.tier == .heavy && memory.messagesPerSecond(of: 50) == 50 && memory.typing == .each)
        #expect(memory.presence == .each && memory.storage == .every && memory.http == .all)
        #expect(memory.readsMax == nil && memory.sendQueueDivisor == 16)
        #expect(suspended(memory) == ["history", "users", "new_connections"])
        let queues = policy(.sendQueue)
        #expect(
            queues.typing == .each && queues.newConnections == .all && !queues.limitsReads
                && queues.sendQueueDivisor == 16)
        #expect(suspended(queues).isEmpty)
        let places = policy(.places, .light)
        #expect(places.acceptsPerSecond == 1000 && places.typing == .each && places.readsMax == 500)
        let store = policy(.store)
        #expect(store.newConnections == .all && store.messageRateDivisor == 1)
        #expect(suspended(store) == ["read_marks", "storage"])
        #expect(suspended(policy(.loop)) == suspended(.of(.heavy)))
        #expect(policy(.loop).sendQueueDivisor == 1, "shorter queues give no time")
    }

    @Test func ofSeveralShortagesEachRowGoesByTheHighestThatItMitigates() {
        var tiers = ResourceTiers(all: .normal)
        (tiers[.memory], tiers[.loop]) = (.heavy, .light)
        let both = TierPolicy.of(tiers)
        #expect(both.tier == .heavy && both.readsMax == nil && both.presence == TierPolicy.of(.light).presence)
        #expect(both.messageRateDivisor == 1)
        for tier in Tier.allCases { #expect(TierPolicy.of(ResourceTiers(all: tier)) == .of(tier)) }
    }

    @Test func everySignalIsOfAResourceAndEveryResourceIsMitigatedBySomething() {
        #expect(Resource.allCases.flatMap(\.signals).count == OwnSignal.allCases.count)
        for resource in Resource.allCases {
            #expect(Feature.allCases.contains { $0.mitigates.contains(resource) }, "\(resource)")
        }
    }

    @Test func tiersOfResourcesAreKeptApart() {
        var tiers = ResourceTiers(all: .moderate)
        for (index, resource) in Resource.allCases.enumerated() { tiers[resource] = Tier.allCases[index % 4] }
        for (index, resource) in Resource.allCases.enumerated() { #expect(tiers[resource] == Tier.allCases[index % 4]) }
        #expect(tiers.highest == .heavy && ResourceTiers(all: .normal).highest == .normal)
    }

    @Test func theLogNamesEveryRowThatATierChanges() {
        #expect(TierTable.summary(of: .of(.normal)).isEmpty)
        for tier in [Tier.light, .moderate, .heavy] {
            let summary = TierTable.summary(of: .of(tier))
            for row in TierTable.rows {
                let isChanged = row.tiers[tier.rawValue] != row.tiers[0]
                #expect(summary.contains("\(row.feature): ") == isChanged, "\(tier): \(row.feature)")
            }
        }
    }

    @Test func theTableInWordsHasARowForEveryFieldAndAColumnForEveryTier() {
        // The policy's fields but the tiers themselves.
        #expect(TierTable.rows.count == Mirror(reflecting: TierPolicy.of(.normal)).children.count - 1)
        #expect(TierTable.rows.count == Feature.allCases.count)
        for row in TierTable.rows {
            #expect(row.tiers.count == Tier.allCases.count)
            #expect(Set(row.tiers).count > 1, "\(row.feature) is the same in all tiers")
        }
    }
}
