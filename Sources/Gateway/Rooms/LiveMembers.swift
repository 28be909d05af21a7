import Core
import Rooms

/// Which connections of a room are told live, and which still replay. A value of its room's owner.
struct LiveMembers {
    /// A connection that catches up.
    private struct Replay {
        var epoch: String
        /// Up to where the connection has seen histories: before it came, and of one that ended meanwhile.
        var seen: [Position]
    }

    /// The narrowest window of the live connections that agreed to compression, since there are such.
    private var narrowestWindowBits: UInt8 = 0
    /// Live connections that agreed to compression.
    private var compressedCount: Int32 = 0
    /// Live connections on each worker, when there is more than one worker. Those that still replay are not among them.
    private var counts: ContiguousArray<Int32>
    /// Connections that still replay: they are in the room, and go live when they have caught up.
    private var replaying: [ObjectIdentifier: Replay] = [:]

    init(workerCount: Int) {
        counts = workerCount > 1 ? ContiguousArray(repeating: 0, count: workerCount) : []
    }

    /// A connection came into the room and has to catch up first.
    /// - Parameters:
    ///   - epoch: the history that it replays.
    ///   - position: what it had.
    mutating func replayBegan(_ info: ConnectionInfo, epoch: String, from position: Position?) {
        replaying[ObjectIdentifier(info)] = Replay(epoch: epoch, seen: position.map { [$0] } ?? [])
    }

    /// A connection that has caught up to `seq` goes on; its position, if that is of another history than `epoch`.
    mutating func replayGoesOn(_ info: ConnectionInfo, after seq: UInt64, epoch: String) -> Position? {
        guard let replay = replaying[ObjectIdentifier(info)], replay.epoch != epoch else { return nil }
        let position = Position(epoch: replay.epoch, seq: seq)
        replaying[ObjectIdentifier(info)] = Replay(
            epoch: epoch, seen: Array((replay.seen + [position]).suffix(Lineage.countMax)))
        return position
    }

    /// Up to where a connection that catches up has seen histories.
    func seenPositions(of info: ConnectionInfo) -> [Position] { replaying[ObjectIdentifier(info)]?.seen ?? [] }

    func isReplaying(_ info: ConnectionInfo) -> Bool { replaying[ObjectIdentifier(info)] != nil }

    /// A connection has caught up, or had nothing to catch up with; whether it came with a position.
    mutating func wentLive(_ info: ConnectionInfo) -> Bool {
        let resumes = replaying.removeValue(forKey: ObjectIdentifier(info))?.seen.isEmpty == false
        if !counts.isEmpty { counts[info.worker] += 1 }
        guard info.windowBits > 0 else { return resumes }
        let bits = UInt8(info.windowBits)
        narrowestWindowBits = compressedCount == 0 ? bits : min(narrowestWindowBits, bits)
        compressedCount += 1
        return resumes
    }

    /// A connection is no longer in the room.
    mutating func departed(_ info: ConnectionInfo) {
        guard replaying.removeValue(forKey: ObjectIdentifier(info)) == nil else { return }
        if !counts.isEmpty {
            counts[info.worker] -= 1
            assert(counts[info.worker] >= 0, "more members have left than came")
        }
        if info.windowBits > 0 {
            compressedCount -= 1
            assert(compressedCount >= 0, "more members have left than came")
        }
    }

    /// Whether a worker has connections that are told live; for the only worker there is it is not asked.
    func isLive(on worker: Int) -> Bool { !counts.isEmpty && counts[worker] > 0 }

    /// The window in which the room's messages are compressed, so that all who agreed to it can read them; nil when
    /// nobody did.
    var windowBits: Int? { compressedCount > 0 ? Int(narrowestWindowBits) : nil }
}
