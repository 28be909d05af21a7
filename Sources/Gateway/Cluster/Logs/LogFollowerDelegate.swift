import ControlPlane
import Foundations
import Rooms

/// What a room, or a user, learns of its shared log. On the home's thread.
protocol LogFollowerDelegate: AnyObject {
    /// What members have seen of the history so far, in its order.
    var seenEntries: [(seq: UInt64, body: [UInt8])] { get }
    /// The history that was followed was deleted: nothing of it is to be restored.
    func deleted()
    /// The room has a place in the store. `isNew`: it is another history than before, or the first; entries up to
    /// `oldestBefore` are not in the store.
    func opened(epoch: String, isNew: Bool, oldestBefore: UInt64)
    /// All that the store had when the room was opened has come.
    func caughtUp()
    /// An entry has its place: the one behind the last that came.
    func committed(_ body: [UInt8], seq: UInt64, own: Submission?, isSeen: Bool)
    /// Entries up to `seq` will not come: the store has them no longer.
    func skipped(to seq: UInt64)
    /// Entries up to `seq` will not come: the store was not to keep them, and what was published of them was missed.
    func passedUnstored(upTo seq: UInt64)
    /// Whether a message that can only be kept here was sent before, as far as this node knows; then its author is told.
    func isRepetition(_ submission: Submission) -> Bool
    /// A message is to be delivered without a place, because the store is away.
    func provisional(_ submission: Submission)
    /// Another node, or this one, said who is in the room with what.
    func presenceTold(_ change: RoomPresence.Change)
    /// All that the store knows of who is in the room; nil when it gave no answer.
    func presenceRead(_ entries: [RoomPresence.Change]?)
    /// Another node, or this one, says something that nobody keeps.
    func noticed(_ notice: ClusterNotice)
    /// A message was committed before.
    func repeated(_ submission: Submission, first: Position, time: Int)
}
