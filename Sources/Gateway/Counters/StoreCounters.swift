import ClusterState
import Core
import NetworkIO

/// The counters of one loop's way to Redis. The loop writes, anybody reads, as with `WorkerCounters`.
package final class StoreCounters: Sendable {
    package typealias Counter = WorkerCounters.Counter

    /// The states in the order in which the loops of a node are summed up: the node stands as its worst loop does.
    static let states: [StoreHealth.State] = [.online, .resyncing, .connecting, .suspect, .degraded]

    /// An index of `states`.
    private let stateIndex = Counter()
    /// The last round trip that was measured; 0 when there is none.
    let latencyMicroseconds = Counter()
    /// All round trips that were measured: of one command in each tick.
    let roundTrip = BucketHistogram()
    /// From sending a batch of messages until the store's answer that they are committed; one per message.
    let commitLatency = BucketHistogram()
    let outboxMessages = Counter()
    let outboxBytes = Counter()
    /// Connections that were made after the first.
    let reconnects = Counter()
    /// When what was kept had last been sent, Unix milliseconds; 0: never.
    let resyncedAt = Counter()
    let resyncMessages = Counter()
    let resyncMilliseconds = Counter()
    /// By how much the store's clock is ahead of the loops', in milliseconds, as the beats say (`StoreClock`); 0: not
    /// known.
    let clockOffset = Counter()

    /// Why the store was lost the last time, as it was known last.
    struct Loss: Sendable {
        let reason: StoreHealth.Reason
        /// Unix milliseconds.
        let at: Int
    }
    /// nil: it never was.
    let lastLoss = Locked<Loss?>(nil)

    package init() { state = .connecting }

    var state: StoreHealth.State {
        get { Self.states[stateIndex.value] }
        set { stateIndex.set(Self.states.firstIndex(of: newValue) ?? 0) }
    }
}
