import Foundations
import Rooms
import WireProtocol

/// A batch that is being filled. Rooms take one of their worker's when they have something to say, so that those that
/// are silent hold no memory for it, and those that talk allocate none.
final class OpenBatch {
    var batch: RoomBatch
    init(room: Identifier) { batch = RoomBatch(room: room) }
}

/// A room at its home worker: the room itself, what it said in this turn, and which workers have members to hear it.
final class RoomHome: Named {
    let room: Room
    var id: Identifier { room.id }
    /// What happened since the last delivery; nil for nothing.
    var open: OpenBatch?
    /// The members on this worker itself, if there are any.
    var localMembers: RoomMembers?
    /// In the worker's list of rooms that nobody is in.
    var isListedAsIdle = false
    /// In the worker's list of rooms with message ids that expire.
    var isListedForIDs = false
    /// Connections on each worker that are told live, when there is more than one worker. Those that still replay are
    /// not among them.
    private var liveCounts: ContiguousArray<Int32>
    /// Connections that still replay: they are in the room, and go live when they have caught up.
    private var replaying: Set<ObjectIdentifier> = []

    init(_ room: Room, workerCount: Int) {
        self.room = room
        liveCounts = workerCount > 1 ? ContiguousArray(repeating: 0, count: workerCount) : []
    }

    /// A connection came into the room and has to catch up first.
    func replayBegan(_ info: ConnectionInfo) { replaying.insert(ObjectIdentifier(info)) }

    /// A connection has caught up, or had nothing to catch up with.
    func wentLive(_ info: ConnectionInfo) {
        replaying.remove(ObjectIdentifier(info))
        if !liveCounts.isEmpty { liveCounts[info.worker] += 1 }
    }

    /// A connection is no longer in the room.
    func departed(_ info: ConnectionInfo) {
        if replaying.remove(ObjectIdentifier(info)) == nil, !liveCounts.isEmpty { liveCounts[info.worker] -= 1 }
    }

    /// Whether a worker has connections that are told live; for the only worker there is it is not asked.
    func isLive(on worker: Int) -> Bool { !liveCounts.isEmpty && liveCounts[worker] > 0 }

    func isReplaying(_ info: ConnectionInfo) -> Bool { replaying.contains(ObjectIdentifier(info)) }
}
