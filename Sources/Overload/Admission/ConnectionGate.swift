/// How many new connections a worker lets in, by the tier and by what it was used to.
///
/// A bucket of tokens whose rate is a share of the usual one. Those that resume may take its last half, which others
/// leave: people who were here come back first. A value; times are loop milliseconds.
package struct ConnectionGate: Sendable {
    /// The usual rate is taken for at least this, so that a quiet node's share is not nothing: connections per second.
    package static let leastUsualRate = 1000.0
    /// Over how long the usual rate is averaged.
    private static let averagedMilliseconds = 10_000.0
    /// How long those who were refused are remembered for the next one's `retry_ms`.
    private static let refusalsMilliseconds = 5_000.0
    /// Nobody is asked to stay away for longer.
    private static let retryMillisecondsMax = 30_000

    package enum Decision: Equatable, Sendable {
        case admitted
        /// To be closed with 1013 behind the upgrade; come back then.
        case refused(retryMilliseconds: ClosedRange<Int>)
        /// To be answered with 503 before it.
        case turnedAway(retryMilliseconds: ClosedRange<Int>)
    }

    private var rule = TierPolicy.NewConnections.all
    private var usual = 0.0
    private var countedAt: Int
    private var count = 0
    private var tokens = 0.0
    private var filledAt: Int
    private var refusals = 0.0
    private var refusedAt: Int

    package init(at now: Int) {
        countedAt = now
        filledAt = now
        refusedAt = now
    }

    /// The tier has another rule now.
    package mutating func ruleChanged(_ rule: TierPolicy.NewConnections, at now: Int) {
        settleUsual(at: now)
        self.rule = rule
        filledAt = now
        tokens = burst
    }

    /// Somebody wants in.
    /// - Parameters:
    ///   - resumes: with a position in a room.
    ///   - isShedding: the inner controller admits no further rooms at present.
    package mutating func decide(resumes: Bool, isShedding: Bool, at now: Int) -> Decision {
        switch rule {
        case .all:
            settleUsual(at: now)
            guard !isShedding || resumes else { return .refused(retryMilliseconds: refuse(at: now)) }
            count += 1
            return .admitted
        case .share:
            if takes(resumes: resumes, isShedding: isShedding, at: now) { return .admitted }
            return .refused(retryMilliseconds: refuse(at: now))
        case .resumesOnly:
            if resumes, takes(resumes: true, isShedding: false, at: now) { return .admitted }
            return .turnedAway(retryMilliseconds: refuse(at: now))
        }
    }

    /// Connections per second that the tier lets in; nil: all.
    package var rate: Double? {
        switch rule {
        case .all: nil
        case .share(let share), .resumesOnly(let share):
            max(usual, Self.leastUsualRate) * Double(share) / 1000
        }
    }

    private var burst: Double { max(2, (rate ?? 0) / 2) }

    private mutating func takes(resumes: Bool, isShedding: Bool, at now: Int) -> Bool {
        tokens = min(burst, tokens + (rate ?? 0) * Double(now - filledAt) / 1000)
        filledAt = now
        let least = resumes ? 1 : max(1, burst / 2)
        guard tokens >= least, resumes || !isShedding else { return false }
        tokens -= 1
        return true
    }

    private mutating func settleUsual(at now: Int) {
        let elapsed = Double(now - countedAt)
        guard elapsed >= 1000 else { return }
        let weight = min(1, elapsed / Self.averagedMilliseconds)
        usual += (Double(count) * 1000 / elapsed - usual) * weight
        (count, countedAt) = (0, now)
    }

    /// Spreads those who are refused over the time in which as many are let in.
    private mutating func refuse(at now: Int) -> ClosedRange<Int> {
        refusals *= max(0, 1 - Double(now - refusedAt) / Self.refusalsMilliseconds)
        refusals += 1
        refusedAt = now
        let seconds = refusals / max(rate ?? Self.leastUsualRate, 1)
        return 1000...(1000 + min(Self.retryMillisecondsMax, max(1000, Int(seconds * 1000))))
    }
}
