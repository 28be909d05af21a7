import Foundations
import Rooms
import WireProtocol

/// A room at its home worker: the room itself, what it said in this turn, and which workers have members to hear it.
final class RoomHome: Named {
    let room: Room
    var id: Identifier { room.id }
    /// What happened since the last delivery; nil for nothing. Rooms take one of their worker's batches when they have
    /// something to say, so that those that are silent hold no memory for it, and those that talk allocate none.
    var batch: RoomBatch?
    /// How the room follows its history in the cluster; nil in single mode.
    var shared: SharedRoom?
    /// The members on this worker itself, if there are any.
    var localMembers: RoomMembers?
    /// What the tier has told later; nil for nothing.
    var debts: RoomDebts?
    /// In the worker's list of rooms that nobody is in.
    var isListedAsIdle = false
    /// In the worker's list of rooms with message ids that expire.
    var isListedForIDs = false
    /// The narrowest window of the live connections that agreed to compression, since there are such.
    private var narrowestWindowBits: UInt8 = 0
    /// Live connections that agreed to compression.
    private var compressedCount: Int32 = 0
    /// Connections on each worker that are told live, when there is more than one worker. Those that still replay are
    /// not among them.
    private var liveCounts: ContiguousArray<Int32>
    /// Connections that still replay: they are in the room, and go live when they have caught up.
    private var replaying: [ObjectIdentifier: Replay] = [:]

    private struct Replay {
        var epoch: String
        /// What the connection got of a former history, when another one began meanwhile.
        var seen: Position?
    }

    init(_ room: Room, workerCount: Int) {
        self.room = room
        liveCounts = workerCount > 1 ? ContiguousArray(repeating: 0, count: workerCount) : []
    }

    /// Distinct users on all nodes.
    var userCount: Int { room.userCount + (shared?.elsewhere.count ?? 0) }

    /// Living connections on this node, and on the others those that they tell of.
    var connectionCount: Int { room.connectionCount + (shared?.presence?.roster.deviceCount ?? 0) }

    /// As `Room.users`, on all nodes.
    func users(after cursor: Identifier?, limit: Int) -> (users: [Identifier], isComplete: Bool) {
        room.users(after: cursor, limit: limit, with: shared?.elsewhere ?? [])
    }

    /// Whether other nodes' users leave no place for one more user.
    func isFull(for user: Identifier) -> Bool {
        guard let shared, let most = room.settings.usersMax, userCount >= most else { return false }
        return room.attendance(of: user).isEmpty && !shared.isElsewhere(user)
    }

    /// A connection came into the room and has to catch up first.
    func replayBegan(_ info: ConnectionInfo) { replaying[ObjectIdentifier(info)] = Replay(epoch: room.log.epoch) }

    /// A connection that has caught up to `seq` goes on; whether that was in another history.
    func replayGoesOn(_ info: ConnectionInfo, after seq: UInt64) -> Bool {
        guard let replay = replaying[ObjectIdentifier(info)], replay.epoch != room.log.epoch else { return false }
        replaying[ObjectIdentifier(info)] = Replay(
            epoch: room.log.epoch, seen: Position(epoch: replay.epoch, seq: seq))
        return true
    }

    /// Whether a connection that catches up got an entry in a former history.
    func wasSeen(_ entry: LogEntry, by info: ConnectionInfo) -> Bool {
        guard let seen = replaying[ObjectIdentifier(info)]?.seen, let follower = shared?.follower else { return false }
        let body = room.historyHead.body(of: entry.frame.payload, seq: entry.seq)
        return follower.log.wasSeen(Array(body), upTo: seen)
    }

    /// A connection has caught up, or had nothing to catch up with.
    func wentLive(_ info: ConnectionInfo) {
        replaying[ObjectIdentifier(info)] = nil
        shared?.wentLive(info)
        if !liveCounts.isEmpty { liveCounts[info.worker] += 1 }
        guard info.windowBits > 0 else { return }
        let bits = UInt8(info.windowBits)
        narrowestWindowBits = compressedCount == 0 ? bits : min(narrowestWindowBits, bits)
        compressedCount += 1
    }

    /// A connection is no longer in the room.
    func departed(_ info: ConnectionInfo) {
        shared?.departed(info)
        guard replaying.removeValue(forKey: ObjectIdentifier(info)) == nil else { return }
        if !liveCounts.isEmpty { liveCounts[info.worker] -= 1 }
        if info.windowBits > 0 { compressedCount -= 1 }
        assert(compressedCount >= 0 && liveCounts.allSatisfy { $0 >= 0 }, "more connections left the room than came")
    }

    /// Whether a worker has connections that are told live; for the only worker there is it is not asked.
    func isLive(on worker: Int) -> Bool { !liveCounts.isEmpty && liveCounts[worker] > 0 }

    /// The window in which the room's messages are compressed, so that all who agreed to it can read them; nil when
    /// nobody did.
    var windowBits: Int? { compressedCount > 0 ? Int(narrowestWindowBits) : nil }

    func isReplaying(_ info: ConnectionInfo) -> Bool { replaying[ObjectIdentifier(info)] != nil }
}
