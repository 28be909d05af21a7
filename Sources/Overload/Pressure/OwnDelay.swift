/// How much of a thread's delay is its own doing.
///
/// A thread is late because it had other work, or because it had to wait for a processor that others used. Only the
/// first becomes less when the node does less. So of a delay the part counts that the thread's own running had in it:
/// of the time for which the thread wanted to run, or for which the delay lasted, the share in which it ran. A thread
/// that has a processor whenever it wants one answers for all of its delay, an idle one beside busy neighbours for
/// next to nothing. A value for one thread; times are microseconds, totals only grow.
package struct OwnDelay: Sendable {
    /// One thread since its start, as the kernel counts it.
    package struct Running: Sendable, Equatable {
        /// It ran for so long.
        package let ran: Int
        /// It could have run and waited for a processor; 0 where the kernel does not say.
        package let waited: Int

        package init(ran: Int, waited: Int) {
            self.ran = ran
            self.waited = waited
        }
    }

    /// As of the last call; nil before the first one.
    private var last: (running: Running, at: Int)?

    package init() {}

    /// The own part of a delay that was measured since the last call; all of it while nothing is known.
    /// - Parameters:
    ///   - isThrottled: whether the process has used its quota up. Then nobody else made the thread wait.
    ///   - now: microseconds of a monotonic clock.
    package mutating func part(of delay: Int, _ running: Running, isThrottled: Bool, at now: Int) -> Int {
        defer { last = (running, now) }
        guard let last, delay > 0, !isThrottled else { return max(delay, 0) }
        let (ran, waited) = (max(0, running.ran - last.running.ran), max(0, running.waited - last.running.waited))
        let whole = max(ran + waited, min(delay, now - last.at))
        return whole > 0 ? Int(Double(delay) * Double(ran) / Double(whole)) : delay
    }
}
