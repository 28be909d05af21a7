import Foundations
import Rooms
import WireProtocol

// What a worker does for its own connections that are in rooms, wherever these are at home.
extension Worker {
    /// Bytes up to which a message is copied behind its ack, so that both leave as one slice.
    private static let joinedBytesMax = 2048

    /// Hands a room's batch to the members here: one slice for each, and cut up for those who said something.
    /// - Parameter isTurnEnding: nothing more will come from this room in this turn.
    func deliver(_ batch: RoomBatch, to members: RoomMembers?, isTurnEnding: Bool) {
        if batch.cuts.count == 1, isTurnEnding, batch.compressed.segments.isEmpty, batch.plain.segments.count == 1,
            let members
        {
            return deliverOneMessage(batch, to: members)
        }
        let marked = markAuthors(batch)
        if let members {
            if isTurnEnding, batch.compressed.segments.isEmpty, batch.plain.segments.count == 1 {
                let only = batch.plain.segments[0]
                members.withEach { if $0.firstCut < 0 { $0.deliverLast(only) } }
            } else if batch.compressed.segments.isEmpty {
                members.withEach { connection in
                    guard connection.firstCut < 0 else { return }
                    for segment in batch.plain.segments { connection.deliver(segment) }
                }
            } else {
                deliverInTwoForms(batch, to: members)
            }
            counters.messagesOut.add(batch.messageCount * members.count)
        }
        // Authors come last and one by one; one who is no longer a member still gets its acks.
        if marked { deliverToAuthors(batch, among: members) }
    }

    /// What most batches are: one run with one author.
    private func deliverOneMessage(_ batch: RoomBatch, to members: RoomMembers) {
        let whole = batch.plain.segments[0]
        let author = batch.cuts[0].worker == index ? findChatting(batch.cuts[0].socketKey) : nil
        members.withEach { if $0 !== author { $0.deliverLast(whole) } }
        counters.messagesOut.add(batch.messageCount * members.count)
        guard let author else { return }
        if author.isMember(of: members), let ack = batch.cuts[0].ack, batch.cuts[0].length == whole.length,
            !batch.cuts[0].isReplacement
        {
            // Nothing but the author's own message.
            guard author.wantsEcho else {
                counters.messagesOut.add(-1)
                return author.deliverLast(ack)
            }
            if whole.length <= Self.joinedBytesMax { return author.deliverLast(scratch.join(ack, whole)) }
        }
        if nextCuts.isEmpty { nextCuts.append(-1) } else { nextCuts[0] = -1 }
        deliver(batch, fromCut: 0, to: author, among: members)
    }

    private func deliverInTwoForms(_ batch: RoomBatch, to members: RoomMembers) {
        members.withEach { connection in
            guard connection.firstCut < 0 else { return }
            if connection.isDeflateAgreed {
                for segment in batch.compressed.segments { connection.deliver(segment) }
            } else {
                for segment in batch.plain.segments { connection.deliver(segment) }
            }
        }
    }

    /// Links the cuts of each connection, first to last; true if there are any on this worker.
    private func markAuthors(_ batch: RoomBatch) -> Bool {
        guard !batch.cuts.isEmpty else { return false }
        nextCuts.removeAll(keepingCapacity: true)
        nextCuts.append(contentsOf: repeatElement(-1, count: batch.cuts.count))
        var isMarked = false
        for position in batch.cuts.indices.reversed() where batch.cuts[position].worker == index {
            guard let author = findChatting(batch.cuts[position].socketKey) else { continue }
            nextCuts[position] = author.firstCut
            author.firstCut = Int32(position)
            isMarked = true
        }
        return isMarked
    }

    private func deliverToAuthors(_ batch: RoomBatch, among members: RoomMembers?) {
        for place in batch.cuts.indices where batch.cuts[place].worker == index {
            guard let author = findChatting(batch.cuts[place].socketKey), author.firstCut >= 0 else { continue }
            let first = Int(author.firstCut)
            author.firstCut = -1
            deliver(batch, fromCut: first, to: author, among: members)
        }
    }

    /// Hands a batch to a connection that said something in it: its acks in their places, and its own frames only if
    /// it asked for them.
    private func deliver(_ batch: RoomBatch, fromCut first: Int, to author: Connection, among members: RoomMembers?) {
        let isMember = members.map(author.isMember(of:)) ?? false
        let isCompressed = author.isDeflateAgreed && !batch.compressed.segments.isEmpty
        let run = isCompressed ? batch.compressed : batch.plain
        var position = 0
        var place = first
        while place >= 0 {
            let own = isCompressed ? batch.cuts[place].compressedRange : batch.cuts[place].range
            if isMember { deliver(run, position..<own.lowerBound, to: author) }
            let isMessage = batch.cuts[place].ack != nil
            if let ack = batch.cuts[place].ack { author.deliver(ack) }
            let wantsOwn = isMessage && author.wantsEcho && !batch.cuts[place].isReplacement
            if isMember, isMessage, !wantsOwn, !own.isEmpty { counters.messagesOut.add(-1) }
            position = wantsOwn ? own.lowerBound : own.upperBound
            place = Int(nextCuts[place])
        }
        if isMember { deliver(run, position..<run.byteCount, to: author) }
    }

    /// Hands on a part of a run of frames.
    private func deliver(_ run: FrameRun, _ range: Range<Int>, to connection: Connection) {
        guard !range.isEmpty else { return }
        var start = 0
        for segment in run.segments {
            let lower = max(range.lowerBound, start)
            let upper = min(range.upperBound, start + segment.length)
            if lower < upper {
                connection.deliver(
                    FrameSlice(
                        buffer: segment.buffer, offset: segment.offset + lower - start, length: upper - lower))
            }
            start += segment.length
        }
    }

    /// Hands frames to one connection, if it is still there.
    func deliver(_ frames: [FrameSlice], to info: ConnectionInfo) {
        guard let connection = find(info) else { return }
        for frame in frames { connection.deliverAlone(frame) }
    }

    /// A part of what is replayed to a connection that is in already.
    enum Replayed: Sendable {
        case frame(FrameSlice)
        /// The connection's own message, which it gets only if it asked for that, behind its ack.
        case ack(FrameSlice, FrameSlice)
    }

    /// Replays something to a connection, if it is still there.
    func deliver(_ replay: [Replayed], to info: ConnectionInfo) {
        guard let connection = find(info) else { return }
        for part in replay {
            switch part {
            case .frame(let frame): connection.deliverAlone(frame)
            case .ack(let ack, let message):
                connection.deliverAlone(ack)
                if connection.wantsEcho { connection.deliverAlone(message) }
            }
        }
    }

    /// The connection, if it is still there and its close frame has not been queued: nothing may follow that one
    /// (RFC 6455 §5.5.1).
    func find(_ info: ConnectionInfo) -> Connection? { findChatting(info.socketKey) }

    private func findChatting(_ key: UInt64) -> Connection? {
        guard let connection = loop.socket(key) as? Connection, connection.isChatting else { return nil }
        return connection
    }

    /// The members of a room here, made if there were none.
    func openMembers(_ room: Identifier) -> RoomMembers {
        if let found = members[room] { return found }
        let made = RoomMembers(room: room, home: context.home(of: room))
        members[room] = made
        if made.home == index, let home = rooms[room] { made.connect(to: home) }
        return made
    }

    /// Takes a connection out of its place in a room.
    func remove(from members: RoomMembers, at index: Int) {
        members.remove(at: index)
        guard members.isEmpty else { return }
        members.disconnect()
        if self.members[members.room] === members { self.members[members.room] = nil }
    }

    // MARK: Answers of a room's home

    func joined(_ room: Identifier, _ info: ConnectionInfo, _ frames: [FrameSlice], isLive: Bool, reached: UInt64) {
        // One that is gone has told the home so itself, behind its wish to join.
        find(info)?.joined(room, frames, isLive: isLive, reached: reached)
    }

    func described(_ frame: FrameSlice, _ info: ConnectionInfo) {
        guard let connection = find(info) else { return }
        connection.deliverAlone(frame)
        connection.endWait()
    }

    func joinRefused(_ room: Identifier, _ info: ConnectionInfo) {
        find(info)?.joinRefused(room)
    }

    func leftRoom(_ room: Identifier, _ info: ConnectionInfo, reason: StaticString) {
        find(info)?.leftRoom(room, reason: reason)
    }

    func roomDeleted(_ room: Identifier, _ info: ConnectionInfo) {
        find(info)?.roomDeleted(room)
    }
}
