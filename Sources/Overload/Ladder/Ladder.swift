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
package struct Ladder: Sendable {
    /// A tier gives up little when that is less than this share of the work done.
    private static let littleShare = 0.05
    /// A step up so soon after a step down has undone it.
    private static let undoneMilliseconds = 60_000
    /// Frames per second. Under less it was not the demand that undid a step, and its return is not to be feared.
    private static let leastDemand = 1.0

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
    /// Since when the pressure has been below the tier's leave mark; nil while it is not.
    private var calmSince: Int?
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
            // Long enough at normal: what was learned of the last overload no longer holds.
            if now - since >= Self.undoneMilliseconds { caution = Caution() }
            return nil
        }
        // What calls for light alone does not hold the node above it.
        let holding = tier > .light ? deep : pressure
        guard holding < rung.leave, !isEmergency else {
            calmSince = nil
            return nil
        }
        let calm = calmSince ?? now
        calmSince = calm
        guard now - calm >= rung.calmMilliseconds else { return nil }
        let isSafe = canLeave(rung, holding, demand)
        guard isSafe || now - since >= caution.wait else { return nil }
        return stepDown(isTry: !isSafe, at: now)
    }

    /// Whether nothing speaks against a step down but that the pressure was low for long enough.
    private func canLeave(_ rung: LadderMarks.Rung, _ pressure: Double, _ demand: Demand) -> Bool {
        // Half of the demand that was too much then is another matter.
        if let undone = caution.undoneUnder, demand.offered >= undone / 2 { return false }
        return demand.suppressed <= demand.admitted * Self.littleShare
            || pressure + demand.suppressedShare < rung.enter
    }

    private mutating func stepUp(to next: Tier, _ demand: Demand, at now: Int) -> Tier {
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
        tier = next
        since = now
        calmSince = nil
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
        (caution, lastStepDown) = (Caution(), nil)
        let next = formerlyWanted
        guard next != tier else { return nil }
        enter(next, at: now)
        return next
    }
}
