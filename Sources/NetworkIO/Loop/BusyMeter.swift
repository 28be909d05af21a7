/// The share of the time in which a loop has something to do. Times are on `Clock.monotonicNanoseconds()`.
struct BusyMeter {
    /// Since when the loop waits; 0: it does not.
    private var waitsSince = 0
    private var idleNanoseconds = 0
    private var measuredSince: Int

    init(at now: Int) { measuredSince = now }

    mutating func waitBegan(at now: Int) { waitsSince = now }

    /// The loop works. Does nothing when it did so before.
    mutating func waitEnded(at now: Int) {
        guard waitsSince > 0 else { return }
        idleNanoseconds += now - waitsSince
        waitsSince = 0
    }

    /// The share since the last call, 0 … 1.
    mutating func takeShare(at now: Int) -> Double {
        defer { (idleNanoseconds, measuredSince) = (0, now) }
        return now > measuredSince ? 1 - Double(idleNanoseconds) / Double(now - measuredSince) : 0
    }
}
