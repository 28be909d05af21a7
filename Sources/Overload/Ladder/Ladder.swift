/// The four tiers with their hysteresis: which one the node is on, and when it goes to another.
///
/// A state machine. Times are milliseconds of one monotonic clock and never go back. Up it goes as soon as two samples
/// in a row call for it, and over several tiers at once; down one tier at a time, when the pressure was low for a
/// while.
///
/// What a tier gives up lowers the pressure, so a low pressure does not say that the tier can be left: at a constant
/// overload that would be a step down and up again for ever. So a tier is left only when it gives up little, or when
/// the pressure would stay low with that added back, and not when the last step down was soon undone under the same
/// demand. Else it is tried once after `Caution.firstWaitMilliseconds`, and then ever more seldom.
///
/// When the demand that led up has gone, there is nothing to be careful of: then one calm of `goneMilliseconds` counts
/// for all tiers, so that the node is normal some 10 s after the end of a load.
package struct Ladder: Sendable {
    /// A tier gives up little when that is less than this share of the work done.
    private static let littleShare = 0.05
    /// A step up so soon after a step down has undone it.
    private static let undoneMilliseconds = 60_000
    /// Frames per second. Under less it was not the demand that undid a step, and its return is not to be feared.
    private static let leastDemand = 1.0
    /// How long the pressure has to be low once less than half of the demand is left: what pauses for less comes back.
    private static let goneMilliseconds = 5_000

    /// How careful steps down are.
    private struct Caution {
        static let firstWaitMilliseconds = 120_000
        static let waitMillisecondsMax = 3_600_000

        /// From a step until the next step down may be a try.
        var wait = Self.firstWaitMilliseconds
        /// The demand under which the last step down was undone, per second; nil when it was not.
        var undoneUnder: Double?

        mutating func lengthen() { wait = min(wait * 2, Self.waitMillisecondsMax) }
    }

    package private(set) var tier = Tier.normal
    package private(set) var isPinned = false
    private let marks: LadderMarks
    private var caution = Caution()
    /// The tier that the last sample called for.
    private var formerlyWanted = Tier.normal
    /// By tier: since when the pressure has been below its leave mark; nil while it is not. Tiers below the present one
    /// are followed for when the demand has gone.
    private var calmSince = [Int?](repeating: nil, count: Tier.allCases.count)
    /// Since normal was left, per second: the highest demand, and the most that the node can take for certain, which is
    /// all that was done under a low pressure, and half of it under a high one.
    private var peak = 0.0
    private var carried = 0.0
    /// When the tier was entered.
    private var since: Int
    private var lastStepDown: (at: Int, from: Tier)?

    package init(marks: LadderMarks, at now: Int) {
        self.marks = marks
        since = now
    }

    /// A sample was taken.
    ///
    /// - Parameters:
    ///   - pressure: 0 … 1, smoothed.
    ///   - deep: the part of it that may call for more than light.
    ///   - isEmergency: heavy at once, and as long as it lasts.
    /// - Returns: the tier that was entered; nil when it stays.
    package mutating func sampled(
        _ pressure: Double, deep: Double, isEmergency: Bool, demand: Demand, at now: Int
    ) -> Tier? {
        let called = max(marks.tier(at: deep), min(.light, marks.tier(at: pressure)))
        defer { formerlyWanted = called }
        guard !isPinned else { return nil }
        if let last = lastStepDown, now - last.at >= Self.undoneMilliseconds {
            // It held.
            (lastStepDown, caution.undoneUnder) = (nil, nil)
        }
        let wanted = isEmergency ? .heavy : min(called, formerlyWanted)
        if wanted > tier { return stepUp(to: wanted, demand, at: now) }
        guard let rung = marks[tier] else {
            (peak, carried) = (0, 0)
            // Long enough at normal: what was learned of the last overload no longer holds.
            if now - since >= Self.undoneMilliseconds { caution = Caution() }
            return nil
        }
        // What calls for light alone does not hold the node above it.
        let holding = tier > .light ? deep : pressure
        peak = max(peak, demand.offered)
        noteCalm(pressure, deep, isEmergency: isEmergency, at: now)
        carried = max(carried, calmSince[tier.rawValue] == nil ? demand.admitted / 2 : demand.admitted)
        let hasGone = hasGone(demand)
        guard let calm = calmSince[tier.rawValue],
            now - max(calm, hasGone ? calm : since)
                >= (hasGone ? min(Self.goneMilliseconds, rung.calmMilliseconds) : rung.calmMilliseconds)
        else { return nil }
        let isSafe = hasGone || canLeave(rung, holding, demand)
        guard isSafe || now - since >= caution.wait else { return nil }
        return stepDown(isTry: !isSafe, at: now)
    }

    /// Follows for how long the pressure has been below the mark of each tier.
    private mutating func noteCalm(_ pressure: Double, _ deep: Double, isEmergency: Bool, at now: Int) {
        for tier in Tier.allCases where tier <= self.tier {
            guard let rung = marks[tier], (tier > .light ? deep : pressure) < rung.leave, !isEmergency else {
                calmSince[tier.rawValue] = nil
                continue
            }
            calmSince[tier.rawValue] = calmSince[tier.rawValue] ?? now
        }
    }

    /// Whether the demand that led up is over: not half of it is left, and of that little is given up, or no more than
    /// the node can take. Not where a step down was undone before: a load that comes and goes is one.
    private func hasGone(_ demand: Demand) -> Bool {
        guard peak >= Self.leastDemand, demand.offered < peak / 2, caution.undoneUnder == nil else { return false }
        return demand.offered <= carried || demand.suppressed <= demand.admitted * Self.littleShare
    }

    /// Whether nothing speaks against a step down but that the pressure was low for long enough.
    private func canLeave(_ rung: LadderMarks.Rung, _ pressure: Double, _ demand: Demand) -> Bool {
        // Half of the demand that was too much then is another matter.
        if let undone = caution.undoneUnder, demand.offered >= undone / 2 { return false }
        return demand.suppressed <= demand.admitted * Self.littleShare
            || pressure + demand.suppressedShare < rung.enter
    }

    private mutating func stepUp(to next: Tier, _ demand: Demand, at now: Int) -> Tier {
        peak = max(peak, demand.offered)
        if let last = lastStepDown, next >= last.from {
            if demand.offered >= Self.leastDemand {
                caution.lengthen()
                caution.undoneUnder = demand.offered
            }
            lastStepDown = nil
        }
        enter(next, at: now)
        return next
    }

    private mutating func stepDown(isTry: Bool, at now: Int) -> Tier {
        if isTry { caution.lengthen() }
        lastStepDown = (now, tier)
        let next = Tier(rawValue: tier.rawValue - 1) ?? .normal
        enter(next, at: now)
        return next
    }

    private mutating func enter(_ next: Tier, at now: Int) {
        // What was calm below a tier that was left down stays so.
        let kept = next < tier && !isPinned ? calmSince.prefix(next.rawValue + 1) : []
        calmSince = kept + Array(repeating: nil, count: Tier.allCases.count - kept.count)
        tier = next
        since = now
    }

    /// An operator holds the node on a tier, whatever the signals say.
    /// - Returns: the tier, unless the node is on it already.
    package mutating func pinned(to next: Tier, at now: Int) -> Tier? {
        isPinned = true
        guard next != tier else { return nil }
        enter(next, at: now)
        return next
    }

    /// The signals decide again: from the tier on that their pressure calls for now.
    /// - Returns: that tier, unless the node is on it already.
    package mutating func unpinned(at now: Int) -> Tier? {
        guard isPinned else { return nil }
        isPinned = false
        (caution, lastStepDown, peak, carried) = (Caution(), nil, 0, 0)
        calmSince = calmSince.map { _ in nil }
        let next = formerlyWanted
        guard next != tier else { return nil }
        enter(next, at: now)
        return next
    }
}
