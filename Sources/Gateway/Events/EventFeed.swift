import NetworkIO
import Synchronization

/// The events of a node for those who listen to them: the last ones, and the count of the streams. Any thread.
package struct EventFeed: ~Copyable, Sendable {
    /// Streams at a time; further ones get 503.
    static let streamsMax = 256

    let history: Locked<EventHistory>
    /// Streams that are open on all workers.
    let streamCount = Atomic<Int>(0)

    init(_ history: EventHistory) { self.history = Locked(history) }

    /// Counts one more stream, unless there are as many as the node takes.
    func takeStream() -> Bool {
        if streamCount.add(1, ordering: .relaxed).newValue <= Self.streamsMax { return true }
        giveBackStream()
        return false
    }

    /// A stream that was counted has ended.
    func giveBackStream() { streamCount.subtract(1, ordering: .relaxed) }
}
