import Core
import TestSupport
import Testing

@Suite("Rate limiter")
struct RateLimiterTests {
    private static let second = 1_000_000_000
    private static let rates = [1, 2, 3, 7, 50, 999, 1_000, 100_000]

    /// How many of `tries` are allowed at one moment.
    private func allowed(_ limiter: inout RateLimiter, _ policy: RatePolicy, at now: Int, tries: Int) -> Int {
        (0..<tries).count { _ in limiter.take(now: now, policy: policy) == .allowed }
    }

    @Test("A full bucket gives twice the rate at once and not one more", arguments: rates)
    func burst(rate: Int) {
        let policy = RatePolicy(perSecond: rate)
        for start in [0, 1, Self.second, Int.max / 2] {
            var limiter = RateLimiter()
            #expect(policy.burst == 2 * rate)
            #expect(allowed(&limiter, policy, at: start, tries: 2 * rate + 5) == 2 * rate)
        }
    }

    @Test("An empty bucket gives the rate each second", arguments: rates)
    func sustained(rate: Int) {
        let policy = RatePolicy(perSecond: rate)
        var limiter = RateLimiter()
        _ = allowed(&limiter, policy, at: 0, tries: 2 * rate)
        var total = 0
        for step in 1...100 {
            total += allowed(&limiter, policy, at: step * Self.second / 10, tries: rate)
        }
        // Rounding a token's cost up takes less than 0.1 % away, and never adds.
        #expect(total <= 10 * rate && total >= 10 * rate - 10 * rate / 1000 - 1, "\(total)")
    }

    @Test("After the announced wait there is a token, a millisecond before there is none", arguments: rates)
    func retryIsRight(rate: Int) {
        let policy = RatePolicy(perSecond: rate)
        var limiter = RateLimiter()
        let start = 123_456_789
        _ = allowed(&limiter, policy, at: start, tries: 2 * rate)
        guard case .refused(let milliseconds) = limiter.take(now: start, policy: policy) else {
            Issue.record("not refused")
            return
        }
        #expect(milliseconds >= 1 && milliseconds <= 1000)
        var early = limiter
        if case .allowed = early.take(now: start + (milliseconds - 1) * 1_000_000, policy: policy) {
            Issue.record("a token came before \(milliseconds) ms")
        }
        #expect(limiter.take(now: start + milliseconds * 1_000_000, policy: policy) == .allowed)
    }

    @Test("It agrees with a bucket that counts tokens", arguments: [UInt64(31), 32, 33, 34])
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        // Rates that divide a second, so that the model's tokens are exact in units of a token's cost.
        let rate = [1, 4, 50, 1000, 1_000_000].randomElement(using: &random) ?? 50
        let policy = RatePolicy(perSecond: rate)
        let cost = Self.second / rate
        var limiter = RateLimiter()
        var now = 0
        var level = 2 * rate * cost
        for step in 0..<20_000 {
            let passed = Int.random(in: 0...(step % 100 == 0 ? 3 * Self.second : 2 * cost), using: &random)
            now += passed
            level = min(level + passed, 2 * rate * cost)
            let decision = limiter.take(now: now, policy: policy)
            if level >= cost {
                level -= cost
                #expect(decision == .allowed, "seed \(seed) step \(step)")
            } else {
                let wait = (cost - level + 999_999) / 1_000_000
                #expect(decision == .refused(retryMilliseconds: wait), "seed \(seed) step \(step)")
            }
        }
    }

    @Test("No rate and no time overflows")
    func extremes() {
        for rate in [1, 3, 400_000_000, 600_000_000, 1_000_000_000, 0, -1, Int.max] {
            let policy = RatePolicy(perSecond: rate)
            #expect(RatePolicy.range.contains(policy.perSecond))
            for now in [0, 1, Int.max / 2, Int.max - 1, Int.max] {
                var limiter = RateLimiter()
                #expect(limiter.take(now: now, policy: policy) == .allowed)
                _ = limiter.take(now: now, policy: policy)
            }
        }
    }

    @Test("A lower rate counts at once, a higher one too")
    func policyChanges() {
        var limiter = RateLimiter()
        let fast = RatePolicy(perSecond: 100)
        let slow = RatePolicy(perSecond: 10)
        #expect(allowed(&limiter, fast, at: 0, tries: 100) == 100)
        // Half of the bucket is left, under either policy.
        var other = limiter
        #expect(allowed(&limiter, slow, at: 0, tries: 100) == 10)
        #expect(allowed(&other, fast, at: 0, tries: 200) == 100)
        #expect(allowed(&limiter, fast, at: Self.second, tries: 500) == 100)
    }

    @Test("A clock that steps back empties the bucket, which fills again from there")
    func clockStepsBack() {
        var limiter = RateLimiter()
        let policy = RatePolicy(perSecond: 50)
        _ = limiter.take(now: 1_000_000 * Self.second, policy: policy)
        #expect(limiter.take(now: 0, policy: policy) == .refused(retryMilliseconds: 20))
        #expect(allowed(&limiter, policy, at: Self.second, tries: 200) == 50)
    }

    @Test("State is eight bytes each")
    func size() {
        #expect(MemoryLayout<RateLimiter>.size == 8)
        #expect(MemoryLayout<FloodCounter>.size == 8)
    }
}

@Suite("Flood counter")
struct FloodCounterTests {
    @Test("Ten times the rate refused is no flood, one more is", arguments: [1, 5, 50, 1000])
    func limit(rate: Int) {
        let policy = RatePolicy(perSecond: rate)
        var counter = FloodCounter()
        for index in 1...10 * rate {
            #expect(
                counter.refused(now: 5000 + index * 9_999 / (10 * rate), policy: policy) == false, "refusal \(index)")
        }
        #expect(counter.refused(now: 14_999, policy: policy) == true)
    }

    @Test("A window ends after exactly ten seconds")
    func window() {
        let policy = RatePolicy(perSecond: 1)
        for (last, isFlood) in [(9_999, true), (10_000, false)] {
            var counter = FloodCounter()
            for _ in 1...10 { #expect(counter.refused(now: 77_000, policy: policy) == false) }
            #expect(counter.refused(now: 77_000 + last, policy: policy) == isFlood)
        }
    }

    @Test(
        "Whoever keeps being refused more than the rate is found within two windows", arguments: [UInt64(41), 42, 43])
    func sustainedFloodIsFound(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let policy = RatePolicy(perSecond: 50)
        var counter = FloodCounter()
        // A few refusals long ago, at a random offset to what follows.
        var now = Int.random(in: 0..<20_000, using: &random)
        for _ in 0..<3 { #expect(counter.refused(now: now, policy: policy) == false) }
        now += Int.random(in: 0..<10_000, using: &random)
        let start = now
        // 51 refusals a second.
        var isFound = false
        var index = 0
        while !isFound && now < start + 20_000 {
            index += 1
            now = start + index * 1000 / 51
            isFound = counter.refused(now: now, policy: policy)
        }
        #expect(isFound, "seed \(seed)")
    }

    @Test("Nobody at or under the rate is taken for a flood", arguments: [UInt64(51), 52])
    func moderateIsNotFlood(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let policy = RatePolicy(perSecond: 20)
        var counter = FloodCounter()
        // 18 in each second, at random places in it: ten seconds may see parts of eleven, so 198 at the most.
        for second in 0..<200 {
            for place in (0..<18).map({ _ in Int.random(in: 0..<1000, using: &random) }).sorted() {
                #expect(counter.refused(now: second * 1000 + place, policy: policy) == false, "seed \(seed)")
            }
        }
    }

    @Test("The clock's 32 bits may wrap within a window")
    func wrapping() {
        let policy = RatePolicy(perSecond: 1)
        var counter = FloodCounter()
        let start = Int(UInt32.max) - 3
        for index in 0..<10 { #expect(counter.refused(now: start + index, policy: policy) == false) }
        #expect(counter.refused(now: start + 10, policy: policy) == true)
        #expect(counter.refused(now: start + 10_000, policy: policy) == false)
    }
}
