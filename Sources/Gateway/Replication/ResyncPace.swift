import Core
import NetworkIO

/// Gives rooms and inboxes their turns at sending what was kept for the store, so that this takes a fifth of the
/// worker's time, and live traffic the rest.
///
/// Thread: the worker's.
final class ResyncPace {
    /// Of so many parts of the time one is the resync's.
    private static let parts = 5
    /// Batches that are on their way to the store at once.
    private static let underWayMax = 2

    private var waiting = TimedQueue<ReplicaDriver>()
    private var underWay = 0
    /// When in this turn the first work for the resync began; nil when there was none.
    private var beganAt: Int?
    /// Until then it is the live traffic's time.
    private var resumeAt = 0
    private var timer: PreciseTimer?

    init(_ loop: EventLoop) throws(SystemError) {
        timer = try PreciseTimer(loop: loop) { [unowned self] in pump() }
    }

    /// A log has something to send that was kept; it gets its turn by `sendKept`.
    func wants(_ driver: ReplicaDriver) {
        waiting.append(driver, at: 0)
        schedule()
    }

    /// Work for the resync is done now.
    func works() { if beganAt == nil { beganAt = Clock.monotonicNanoseconds() } }

    /// A batch was answered, or will not be.
    func ended() {
        underWay -= 1
        assert(underWay >= 0, "more batches ended than began")
        schedule()
    }

    /// A turn of the loop is over, with all that came of the work in it.
    func turnEnded() {
        guard let beganAt else { return }
        self.beganAt = nil
        let now = Clock.monotonicNanoseconds()
        resumeAt = now + (Self.parts - 1) * (now - beganAt)
        schedule()
    }

    /// No more turns.
    func stop() { timer = nil }

    private func schedule() {
        if waiting.first != nil, underWay < Self.underWayMax { timer?.schedule(at: resumeAt) }
    }

    /// Gives out the turns that are free; called by the timer.
    func pump() {
        while underWay < Self.underWayMax, let next = waiting.first?.element {
            waiting.removeFirst()
            underWay += 1
            works()
            next.sendKept()
        }
    }
}
