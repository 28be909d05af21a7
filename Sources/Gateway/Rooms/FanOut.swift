import WireProtocol

/// Hands a room's batch to the members on one worker: the same slices to each, and to those who said something in it
/// their acks in the places of their own messages.
///
/// It reads a batch and calls its recipients, and has no memory but for that. Generic over the recipient and in one
/// module with it, so that the walk over the members is compiled for it.
final class FanOut<Member: Recipient> {
    /// Bytes up to which a message is copied behind its ack, so that both leave as one slice.
    private static var joinedBytesMax: Int { 2048 }

    /// Cuts of other workers' connections are passed over.
    private let worker: Int
    /// While a batch is delivered: of each cut, the next one of the same member, or -1.
    @exclusivity(unchecked) private var nextCuts: ContiguousArray<Int32> = []

    init(worker: Int) { self.worker = worker }

    /// Delivers a batch.
    /// - Parameters:
    ///   - members: nil when there are none here; authors get their acks all the same.
    ///   - isTurnEnding: nothing more will come from this room in this turn.
    ///   - join: makes one slice of two frames, valid for this turn.
    ///   - find: the recipient with a socket's key, if it is there and may be sent to.
    /// - Returns: how many room messages were handed to members.
    func distribute(
        _ batch: RoomBatch, to members: LocalMembers<Member>?, isTurnEnding: Bool,
        join: (FrameSlice, FrameSlice) -> FrameSlice, find: (UInt64) -> Member?
    ) -> Int {
        if batch.cuts.count == 1, isTurnEnding, batch.compressed.segments.isEmpty, batch.plain.segments.count == 1,
            let members
        {
            return distributeOneMessage(batch, to: members, join: join, find: find)
        }
        let isMarked = markAuthors(batch, find)
        var delivered = 0
        if let members {
            if isTurnEnding, batch.compressed.segments.isEmpty, batch.plain.segments.count == 1 {
                let only = batch.plain.segments[0]
                members.withEach { if $0.firstCut < 0 { $0.deliverLast(only) } }
            } else {
                distributeSegments(batch, to: members)
            }
            delivered = batch.messageCount * members.count
        }
        // Authors come last and one by one; one who is no longer a member still gets its acks.
        if isMarked { delivered -= deliverToAuthors(batch, among: members, find) }
        return delivered
    }

    /// Most batches are one run with one author.
    private func distributeOneMessage(
        _ batch: RoomBatch, to members: LocalMembers<Member>, join: (FrameSlice, FrameSlice) -> FrameSlice,
        find: (UInt64) -> Member?
    ) -> Int {
        let whole = batch.plain.segments[0]
        let author = batch.cuts[0].worker == worker ? find(batch.cuts[0].socketKey) : nil
        members.withEach { if $0 !== author { $0.deliverLast(whole) } }
        let delivered = batch.messageCount * members.count
        guard let author else { return delivered }
        if author.isMember(of: members), let ack = batch.cuts[0].ack, batch.cuts[0].length == whole.length,
            !batch.cuts[0].isReplacement
        {
            // Nothing but the author's own message.
            guard author.wantsEcho else {
                author.deliverLast(ack)
                author.answered()
                return delivered - 1
            }
            if whole.length <= Self.joinedBytesMax {
                author.deliverLast(join(ack, whole))
                author.answered()
                return delivered
            }
        }
        if nextCuts.isEmpty { nextCuts.append(-1) } else { nextCuts[0] = -1 }
        return delivered - deliver(batch, fromCut: 0, to: author, among: members)
    }

    private func distributeSegments(_ batch: RoomBatch, to members: LocalMembers<Member>) {
        members.withEach { member in
            guard member.firstCut < 0 else { return }
            let isCompressed = !batch.compressed.segments.isEmpty && member.isDeflateAgreed
            for segment in isCompressed ? batch.compressed.segments : batch.plain.segments { member.deliver(segment) }
        }
    }

    /// Links the cuts of each author, first to last; true if there are any on this worker.
    private func markAuthors(_ batch: RoomBatch, _ find: (UInt64) -> Member?) -> Bool {
        guard !batch.cuts.isEmpty else { return false }
        nextCuts.removeAll(keepingCapacity: true)
        nextCuts.append(contentsOf: repeatElement(-1, count: batch.cuts.count))
        var isMarked = false
        for position in batch.cuts.indices.reversed() where batch.cuts[position].worker == worker {
            guard let author = find(batch.cuts[position].socketKey) else { continue }
            nextCuts[position] = author.firstCut
            author.firstCut = Int32(position)
            isMarked = true
        }
        return isMarked
    }

    /// Returns how many of their own messages the authors did not get.
    private func deliverToAuthors(
        _ batch: RoomBatch, among members: LocalMembers<Member>?, _ find: (UInt64) -> Member?
    ) -> Int {
        var withheld = 0
        for place in batch.cuts.indices where batch.cuts[place].worker == worker {
            guard let author = find(batch.cuts[place].socketKey), author.firstCut >= 0 else { continue }
            let first = Int(author.firstCut)
            author.firstCut = -1
            withheld += deliver(batch, fromCut: first, to: author, among: members)
        }
        return withheld
    }

    /// Hands a batch to a member that said something in it: its acks in their places, and its own frames only if it
    /// asked for them. Returns how many of its own messages it did not get.
    private func deliver(
        _ batch: RoomBatch, fromCut first: Int, to author: Member, among members: LocalMembers<Member>?
    ) -> Int {
        let isMember = members.map(author.isMember(of:)) ?? false
        let isCompressed = author.isDeflateAgreed && !batch.compressed.segments.isEmpty
        let run = isCompressed ? batch.compressed : batch.plain
        var withheld = 0
        var position = 0
        var place = first
        while place >= 0 {
            let own = isCompressed ? batch.cuts[place].compressedRange : batch.cuts[place].range
            if isMember { deliver(run, position..<own.lowerBound, to: author) }
            let isMessage = batch.cuts[place].ack != nil
            if let ack = batch.cuts[place].ack {
                author.deliver(ack)
                if !batch.cuts[place].isReplacement { author.answered() }
            }
            let wantsOwn = isMessage && author.wantsEcho && !batch.cuts[place].isReplacement
            if isMember, isMessage, !wantsOwn, !own.isEmpty { withheld += 1 }
            position = wantsOwn ? own.lowerBound : own.upperBound
            place = Int(nextCuts[place])
        }
        if isMember { deliver(run, position..<run.byteCount, to: author) }
        return withheld
    }

    /// Hands on a part of a run of frames.
    private func deliver(_ run: FrameRun, _ range: Range<Int>, to member: Member) {
        guard !range.isEmpty else { return }
        var start = 0
        for segment in run.segments {
            let lower = max(range.lowerBound, start)
            let upper = min(range.upperBound, start + segment.length)
            if lower < upper {
                member.deliver(
                    FrameSlice(
                        buffer: segment.buffer, offset: segment.offset + lower - start, length: upper - lower))
            }
            start += segment.length
        }
    }
}
