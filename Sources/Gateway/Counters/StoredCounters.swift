/// The messages that one worker keeps, as it found last. The worker writes, anybody reads, as with `WorkerCounters`.
package final class StoredCounters: Sendable {
    package typealias Counter = WorkerCounters.Counter

    /// Memory that they take: of rooms, and of inboxes.
    package let roomBytes = Counter()
    package let inboxBytes = Counter()
    /// The size of the biggest history or inbox that may let go of something, as a class of `StoredLedger`; -1: none.
    package let biggest = Counter()
    /// Message ids that are known.
    package let ids = Counter()
    /// For how long one is known at present, milliseconds; 0: not found yet.
    package let idsMilliseconds = Counter()

    package init() { biggest.set(-1) }

    /// Of all together.
    package var bytes: Int { roomBytes.value + inboxBytes.value }
}
