import ClusterState
import TestSupport
import Testing

@Suite("Work under a lock")
struct LockedWorkTests {
    /// The lease of a ttl of 6 s that was granted at 0.
    private var work = LockedWork(ttl: 6_000, validUntil: 5_000)

    @Test("it is asked to end a sixth of the ttl before the lease ends, and killed half the margin after that")
    mutating func runsOut() {
        #expect(work.ticked(at: 3_999) == .nothing && !work.isEnding)
        #expect(work.ticked(at: 4_000) == .askToEnd && work.isEnding)
        // Too late: it may have begun to end.
        work.renewed(validUntil: 9_000)
        #expect(work.ticked(at: 5_499) == .nothing && !work.isKilled)
        #expect(work.ticked(at: 5_500) == .kill && work.isKilled)
        #expect(work.ticked(at: 6_000) == .nothing && work.lost(at: 6_000) == .nothing)
    }

    @Test("as long as it is renewed it goes on")
    mutating func renewed() {
        for now in stride(from: 0, to: 60_000, by: 250) {
            if now % 2_000 == 0 { work.renewed(validUntil: now + 5_000) }
            #expect(work.ticked(at: now) == .nothing)
        }
    }

    @Test("when the lock is another's it is asked to end at once, and killed soon")
    mutating func lost() {
        #expect(work.lost(at: 1_000) == .askToEnd)
        #expect(work.ticked(at: 1_499) == .nothing)
        #expect(work.ticked(at: 1_500) == .kill)
    }

    @Test("a loss after it was asked to end brings the end forward, never back")
    mutating func lostWhileEnding() {
        #expect(work.ticked(at: 4_100) == .askToEnd)
        #expect(work.lost(at: 4_200) == .nothing)
        #expect(work.ticked(at: 4_699) == .nothing)
        #expect(work.ticked(at: 4_700) == .kill)
        var other = LockedWork(ttl: 6_000, validUntil: 5_000)
        #expect(other.ticked(at: 4_000) == .askToEnd && other.lost(at: 5_200) == .nothing)
        #expect(other.ticked(at: 5_500) == .kill)
    }

    @Test("who slept through all of it is asked to end and killed at once")
    mutating func slept() {
        #expect(work.lost(at: 90_000) == .askToEnd)
        #expect(work.ticked(at: 90_000) == .kill)
    }

    @Test(
        "random courses: asked to end before the lease ends, killed before the ttl does",
        arguments: 1...50 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let ttl = Int.random(in: LockLimits.ttlMilliseconds, using: &random)
        var validUntil = ttl - LockLimits.marginMilliseconds
        var work = LockedWork(ttl: ttl, validUntil: validUntil)
        var (now, askedAt, killedAt) = (0, Int?.none, Int?.none)
        while killedAt == nil, now < 300_000 {
            // The loop's tick, and what it may be late.
            now += Int.random(in: 240...260, using: &random)
            if askedAt == nil, Int.random(in: 0..<40, using: &random) > 0 {
                validUntil = now + ttl - LockLimits.marginMilliseconds
                work.renewed(validUntil: validUntil)
            } else if Int.random(in: 0..<10, using: &random) == 0, work.lost(at: now) == .askToEnd {
                askedAt = now
            }
            switch work.ticked(at: now) {
            case .nothing: break
            case .askToEnd: askedAt = now
            case .kill: killedAt = now
            }
            if askedAt == nil { #expect(now < validUntil, "seed \(seed)") }
        }
        guard let askedAt, let killedAt else { return }
        #expect(askedAt < validUntil && killedAt >= askedAt, "seed \(seed)")
        #expect(killedAt < validUntil + LockLimits.marginMilliseconds, "seed \(seed)")
    }
}
