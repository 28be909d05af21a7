/// The inner controller of one worker: first it reads and writes in rounds, then it takes from the heaviest source,
/// then it sheds, so that what is admitted does not wait.
///
/// The signal is the queue delay, its minimum over a window (CoDel, RFC 8289 §4.3: a standing queue shows in the
/// minimum, a burst does not). When it is above the target, batching becomes longer; when short rounds do not help, who
/// is over its fair share is refused; when there is nobody, rounds become longest, and then the share
/// of the lowest priority that there is falls by how far the delay is above. Below the target shares rise: quickly
/// while the loop has time left, which says how much more it could take, slowly when it is busy. A value; windows are
/// ended by the caller.
package struct InnerController: Sendable {
    /// The length of a window: some turns of a busy loop, and short enough that several of them fit into the 200 ms in
    /// which a step of the load has to be met.
    package static let windowMilliseconds = 50
    /// The queue delay that is aimed at. A turn of a busy loop takes some milliseconds; less than that can't be had
    /// without leaving the processor idle.
    package static let targetMicroseconds = 10_000
    private static let leastFactor = 0.4
    private static let busyTarget = AdaptiveBatching.busyShare
    private static let largestRise = 2.0
    /// Of each window while the loop is busy.
    private static let slowStep = 0.005
    /// Weight of the last window in the load's average.
    private static let loadWeight = 0.2
    /// Who makes the work is looked at for so long after something was late.
    private static let watchedMilliseconds = 1_000

    package private(set) var batching = AdaptiveBatching()
    package var admission = Admission()
    package var turns = FairTurns()
    private var pace = DrainPace()
    /// Requests per second, averaged.
    private var load = 0.0
    /// Since something waited for too long.
    private var sinceLate = watchedMilliseconds
    /// Windows that are given to what was done last until it shows.
    private var windowsToWait = 0

    package init() {}

    /// Whether it matters who makes the work: from a window on in which things waited too long, for a second, and while
    /// anybody is limited or anything shed. On an ordinary day, and in rounds that are in time, nobody's work is
    /// measured: that would be a tenth of it.
    package var watchesSources: Bool { turns.isLimiting || admission.isShedding || isLooking }
    private var isLooking: Bool { batching.milliseconds > 0 && sinceLate < Self.watchedMilliseconds }

    /// How far it has gone.
    package var state: InnerState {
        var state = InnerState()
        state.roundMilliseconds = batching.milliseconds
        state.shed = admission.shed
        state.limited = turns.limitedCount
        return state
    }

    /// The longer the rounds are apart, the later may one be; short ones are there so that nobody waits for long.
    private var target: Double {
        let round = Double(batching.milliseconds)
        return round > 0 ? Double(Self.targetMicroseconds) / 2 + round * 250 : Double(Self.targetMicroseconds)
    }

    /// A window has ended.
    /// - Parameters:
    ///   - delayMicroseconds: the shortest wait of what arrived in it; nil: nothing waited.
    ///   - busy: the share of it in which the loop had something to do, 0 … 1.
    ///   - elapsed: its length in milliseconds; longer than a window when the loop had nothing to do.
    package mutating func windowEnded(delayMicroseconds: Int?, busy: Double, elapsed: Int) {
        let offered = Double(admission.offeredCount) * 1000 / Double(max(elapsed, 1))
        let weight = min(1, Self.loadWeight * Double(elapsed) / Double(Self.windowMilliseconds))
        load += (offered - load) * weight
        pace.windowEnded(admission, elapsed: elapsed)
        defer { admission.begin() }
        let excess = Double(delayMicroseconds ?? 0) / target
        let hasLooked = watchesSources
        sinceLate = excess > 1 ? 0 : sinceLate + elapsed
        guard excess > 1 else { return relax(busy: busy, elapsed: elapsed) }
        guard windowsToWait == 0 else {
            windowsToWait -= 1
            return
        }
        // Before anything is taken from all it is looked who takes most.
        guard hasLooked || batching.milliseconds < AdaptiveBatching.fairMilliseconds else { return }
        let factor = max(Self.leastFactor, 1 / excess)
        windowsToWait = 1
        if batching.milliseconds >= AdaptiveBatching.fairMilliseconds, turns.lowerHeaviest(by: factor) { return }
        if batching.isLongest { admission.lower(by: factor) }
        batching.delayed(excess: excess, load: max(load, offered), busy: busy)
    }

    /// When somebody should come again who was shed, in milliseconds: the more wait already for what is admitted, the
    /// later, and spread so that they do not all come at once.
    package func retryMilliseconds(
        after priority: Admission.Priority, using random: inout some RandomNumberGenerator
    ) -> Int {
        let usual = pace.milliseconds(for: priority)
        return Int.random(in: usual / 2...usual * 3 / 2, using: &random)
    }

    private mutating func relax(busy: Double, elapsed: Int) {
        windowsToWait = 0
        // What all bear is given back before what the heaviest source does.
        if !admission.isShedding, !turns.isLimiting || batching.milliseconds > AdaptiveBatching.fairMilliseconds {
            batching.calm(milliseconds: elapsed, load: load, busy: busy)
            if busy < Self.busyTarget || !turns.isLimiting { return }
        }
        let windows = Double(max(elapsed, Self.windowMilliseconds)) / Double(Self.windowMilliseconds)
        let factor = busy < Self.busyTarget ? min(Self.largestRise, Self.busyTarget / max(busy, 0.01)) : 1
        let isIdle = factor >= Self.largestRise
        let step = isIdle ? 0.1 * windows : Self.slowStep * windows
        // The others get theirs back before the one that took it.
        if admission.isShedding {
            admission.raise(by: factor, atLeast: step)
        } else {
            turns.raise(by: factor, atLeast: step)
        }
    }
}
