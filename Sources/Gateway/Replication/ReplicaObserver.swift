import Core
import Rooms

/// Events of a log, for the room or user whose log it is. On the home's thread.
protocol ReplicaObserver: AnyObject {
    /// The entries that members have seen so far, in their order.
    var seenEntries: [SeenEntry] { get }
    /// Where the history here has a message of the same user and id as a body; must cost the same however long it is.
    func held(like body: [UInt8]) -> ReplicaLog.Held?
    /// The history that was followed was deleted: nothing of it is restored. The observer must close the log.
    func deleted()
    /// The log has a place in the store. `isNew`: it is another history than before, or the first; entries up to
    /// `oldestBefore` are not in the store.
    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64)
    /// All that the store had when the log was opened has come.
    func caughtUp()
    /// An answer of the store was taken: perhaps all that it has is here now, and that is proven.
    func answered()
    /// The store can be reached, and does not serve this log: nobody must wait for it.
    func wentAway()
    /// An entry has its place: the one behind the last that came.
    func committed(_ arrival: ReplicaLog.PlacedEntry)
    /// Entries up to `seq` will not come: the store has them no longer, and none before them.
    func skipped(to seq: UInt64)
    /// Entries up to `seq` will not come: the store lost them, and not those before.
    func lost(upTo seq: UInt64)
    /// Entries up to `seq` will not come: the store was not to keep them, and what was published of them was missed.
    func passedUnstored(upTo seq: UInt64)
    /// A message must be delivered without a place, because the store is away.
    func provisional(_ submission: Submission)
    /// A message was committed before.
    func repeated(_ submission: Submission, first: Position, time: Int)
    /// Messages of links are refused, as others own these links by now.
    func fenced(_ submissions: [Submission])
    /// The same message waits for its place here already; this one is not kept.
    func repeatedWaiting(_ submission: Submission, of waiting: Submission)
}

extension ReplicaObserver {
    /// Of a log that is stored whole: what it lacks though it says otherwise was lost.
    func passedUnstored(upTo seq: UInt64) { skipped(to: seq) }

    // Of a log that no link speaks in.
    func fenced(_ submissions: [Submission]) {}
}
