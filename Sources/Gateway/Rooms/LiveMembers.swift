import Core
import Rooms

/// Which connections of a room get live frames, and which still replay. A value of its room's owner.
struct LiveMembers {
    /// How far a connection is that catches up.
    struct Replay {
        /// The history that it replays.
        private(set) var epoch: String
        /// Up to where the connection has seen histories: before it came, and of one that ended meanwhile.
        private(set) var seen: [Position]

        /// - Parameter position: what it had.
        init(epoch: String, from position: Position?) {
            self.epoch = epoch
            seen = position.map { [$0] } ?? []
        }

        /// Whether it came with a position, or has one from a history that ended.
        var resumes: Bool { !seen.isEmpty }

        /// Goes on in another history, where the former one has ended.
        /// - Parameter position: up to where it has that one.
        mutating func goesOn(in epoch: String, from position: Position) {
            self.epoch = epoch
            seen = Array((seen + [position]).suffix(Lineage.countMax))
        }
    }

    /// The narrowest window of the live connections that agreed to compression, since there are such.
    private var narrowestWindowBits: UInt8 = 0
    /// Live connections that agreed to compression.
    private var compressedCount: Int32 = 0
    /// Live connections on each worker, when there is more than one worker. Those that still replay are not among them.
    private var counts: ContiguousArray<Int32>
    /// Connections that have a part of a replay: they are in the room, and go live when they have caught up. No memory
    /// while there are none, as in nearly all rooms at nearly all times.
    private var replaying: [ObjectIdentifier: Replay] = [:]

    init(workerCount: Int) {
        counts = workerCount > 1 ? ContiguousArray(repeating: 0, count: workerCount) : []
    }

    /// A connection was sent a part of its replay, and goes on when it has taken that.
    mutating func waits(_ info: ConnectionInfo, with replay: Replay) { replaying[ObjectIdentifier(info)] = replay }

    /// A connection's replay goes on, or is given up; nil when there is none.
    mutating func takeReplay(of info: ConnectionInfo) -> Replay? {
        guard !replaying.isEmpty else { return nil }
        defer { if replaying.isEmpty { replaying = [:] } }
        return replaying.removeValue(forKey: ObjectIdentifier(info))
    }

    func isReplaying(_ info: ConnectionInfo) -> Bool {
        !replaying.isEmpty && replaying[ObjectIdentifier(info)] != nil
    }

    /// A connection has caught up, or had nothing to catch up with.
    mutating func wentLive(_ info: ConnectionInfo) {
        if !counts.isEmpty { counts[info.worker] += 1 }
        guard info.windowBits > 0 else { return }
        let bits = UInt8(info.windowBits)
        narrowestWindowBits = compressedCount == 0 ? bits : min(narrowestWindowBits, bits)
        compressedCount += 1
    }

    /// A connection is no longer in the room.
    mutating func departed(_ info: ConnectionInfo) {
        guard takeReplay(of: info) == nil else { return }
        if !counts.isEmpty {
            counts[info.worker] -= 1
            assert(counts[info.worker] >= 0, "more members have left than came")
        }
        if info.windowBits > 0 {
            compressedCount -= 1
            assert(compressedCount >= 0, "more members have left than came")
        }
    }

    /// Whether a worker has connections that get live frames; for the only worker there is it is not asked.
    func isLive(on worker: Int) -> Bool { !counts.isEmpty && counts[worker] > 0 }

    /// The window in which the room's messages are compressed, so that all who agreed to it can read them; nil when
    /// nobody did.
    var windowBits: Int? { compressedCount > 0 ? Int(narrowestWindowBits) : nil }
}
