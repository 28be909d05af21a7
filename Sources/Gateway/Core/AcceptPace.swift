/// How many new connections a worker takes from its listener per tick.
///
/// After a start everybody who was on the node before it comes at once, to rooms that are not open and caches that are
/// cold: the rate begins low and doubles each second; who waits stands in the kernel's backlog and is not refused. A
/// value; times are loop milliseconds.
struct AcceptPace {
    /// Connections per second and worker in the first second.
    private static let firstRate = 1_000
    /// From then on the pace is the loop's own.
    private static let rampMilliseconds = 5_000

    /// In an emergency: those who watch over the node still get their answers.
    private static let emergencyRate = 100

    private let startedAt: Int
    private var slowUntil = 0

    init(startedAt: Int) { self.startedAt = startedAt }

    /// Hardly anybody is taken for a while.
    mutating func slowDown(until time: Int) { slowUntil = max(slowUntil, time) }

    /// How many may be taken until the next tick; nil: as many as come.
    /// - Parameter tierPerSecond: the most per second that the tier takes; nil: it takes all.
    func acceptsMax(perMilliseconds tick: Int, tierPerSecond: Int?, at now: Int) -> Int? {
        if now < slowUntil { return Self.emergencyRate * tick / 1000 }
        let elapsed = now - startedAt
        let ramp = elapsed < Self.rampMilliseconds ? Self.firstRate << (elapsed / 1000) : nil
        return [ramp, tierPerSecond].compactMap { $0 }.min().map { $0 * tick / 1000 }
    }
}
