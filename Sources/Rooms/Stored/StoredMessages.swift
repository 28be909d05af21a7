/// All that the rooms and inboxes of one worker keep of messages: how much memory that takes, who holds how much of it,
/// and which ids are known. Thread: the worker's.
package final class StoredMessages {
    package let rooms = StoredLedger()
    package let inboxes = StoredLedger()
    package let ids: KnownIDs

    /// - Parameter idsMax: ids that are remembered at most.
    package init(idsMax: Int = 1 << 20) { ids = KnownIDs(countMax: idsMax) }

    /// Bytes that messages take.
    package var bytes: Int { rooms.meter.bytes + inboxes.meter.bytes }
}
