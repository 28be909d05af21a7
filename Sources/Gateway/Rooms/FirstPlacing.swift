import Foundations
import Rooms
import WireProtocol

/// Gives the members of a room, who came while the store was away and the room had no place, what they missed. Thread:
/// the home worker's.
struct FirstPlacing {
    unowned let replicated: ReplicatedRoom

    private var home: RoomOwner { replicated.home }
    private var core: WorkerCore { replicated.core }

    /// The room has its place and its history: members that came before get what they missed of it.
    func placeMembers() {
        let members = replicated.unplaced
        replicated.unplaced = []
        for (info, position, time) in members {
            let log = home.room.log
            // For them the epoch is another one than they were told, whatever they had.
            let replayAfter = position.map { ResumePlan(from: $0, in: log).replayAfter } ?? lastSeq(before: time)
            var reached = (log.firstSeq(after: replayAfter) ?? log.newestSeq + 1) - 1
            var replay = [gapFrame(before: reached + 1, .epochChanged)]
            for entry in log.entries(after: replayAfter, countMax: .max, byteCountMax: .max) {
                if entry.seq > reached + 1 { replay.append(gapFrame(before: entry.seq, .notStored)) }
                replay.append(replayed(entry, to: info))
                reached = entry.seq
            }
            if log.newestSeq > reached { replay.append(gapFrame(before: log.newestSeq + 1, .notStored)) }
            home.flush()
            core.send(.replay(replay), to: info)
        }
        replicated.placed = [:]
        replicated.provisionals.forgetMembersIfDone()
    }

    private func gapFrame(before seq: UInt64, _ reason: GapReason) -> ReplayedFrame {
        core.writer.gap(
            room: home.room.id, epoch: home.room.log.epoch, nextSeq: seq, reason: reason.rawValue)
        return .frame(core.writtenFrame())
    }

    /// An entry of the history as a member gets it that came before the room had its place.
    private func replayed(_ entry: LogEntry, to info: ConnectionInfo) -> ReplayedFrame {
        guard let own = replicated.placed[entry.seq] else { return .frame(entry.frame) }
        if own.isProvisional {
            guard replicated.provisionals.wasSeen(own, by: info) else { return .frame(entry.frame) }
            return .frame(replicated.confirmFrame(own, epoch: home.room.log.epoch, seq: entry.seq))
        }
        guard case .connection(let author) = own.author, author === info else { return .frame(entry.frame) }
        let body = home.room.historyHead.body(of: entry.frame.payload, seq: entry.seq)
        replicated.writeAck(own, replicated.placeOf(own, entry.seq, Array(body)))
        return .ack(core.writtenFrame(), message: entry.frame)
    }

    /// Clocks of nodes may differ by so much.
    private static let clockToleranceMilliseconds = 5_000

    /// The newest entry that is older than a moment: who came then without a position has seen nothing behind it.
    private func lastSeq(before time: Int) -> UInt64 {
        let oldest = time - Self.clockToleranceMilliseconds
        let last = home.room.findBody { body in body.withUnsafeBytes(MessageBody.time).map { $0 < oldest } ?? false }
        return last?.seq ?? home.room.log.oldestSeq - 1
    }
}
