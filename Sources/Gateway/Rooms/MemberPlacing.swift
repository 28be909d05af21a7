import Core
import Rooms
import WireProtocol

/// Where members stand of whom this node did not know what they missed: they came while it was away from the store, or
/// behind it, with a position that it could not judge. They are in the room, and get what is provisional; once the room
/// is in step each goes on from its own position. A value of its room's sequencer.
struct UnplacedMembers {
    struct Member {
        let info: ConnectionInfo
        /// nil: it came without one, and wants what is said from then on.
        let position: Position?
        /// When it came, Unix milliseconds.
        let since: Int
    }

    private var members: [ObjectIdentifier: (number: Int, member: Member)] = [:]
    private var nextNumber = 0
    /// Own messages that got their places while members waited for theirs, in their order: by user and id, as another
    /// history may give them other places before members have theirs.
    private(set) var own: [Submission] = []
    private var ownByKey: [[UInt8]: Int] = [:]

    var isEmpty: Bool { members.isEmpty }

    /// Where they stand.
    var positions: some Sequence<Position> { members.values.lazy.compactMap(\.member.position) }

    func contains(_ info: ConnectionInfo) -> Bool { members[ObjectIdentifier(info)] != nil }

    /// One that waits already keeps the place that it came with.
    mutating func append(_ info: ConnectionInfo, at position: Position?, since: Int) {
        guard !contains(info) else { return }
        members[ObjectIdentifier(info)] = (nextNumber, Member(info: info, position: position, since: since))
        nextNumber += 1
    }

    /// An own message got its place.
    mutating func gotPlace(_ message: Submission) {
        ownByKey[MessageKey.bytes(of: message.body)] = own.count
        own.append(message)
    }

    /// The own message of the same user and id as a body.
    func own(like body: [UInt8]) -> Submission? {
        own.isEmpty ? nil : ownByKey[MessageKey.bytes(of: body)].map { own[$0] }
    }

    /// All have their places. The own messages that got theirs meanwhile.
    mutating func takeOwn() -> [Submission] {
        defer { (own, ownByKey) = ([], [:]) }
        return own
    }

    mutating func remove(_ info: ConnectionInfo) { members[ObjectIdentifier(info)] = nil }

    /// Takes all out that fit, in the order in which they came.
    mutating func take(where fits: (Member) -> Bool) -> [Member] {
        let taken = members.values.filter { fits($0.member) }.sorted { $0.number < $1.number }
        for entry in taken { members[ObjectIdentifier(entry.member.info)] = nil }
        return taken.map(\.member)
    }
}

/// Leads members from where they stand to where the room is. Thread: the home worker's.
struct MemberPlacing {
    unowned let replicated: ReplicatedRoom

    private var home: RoomOwner { replicated.home }
    private var core: WorkerCore { replicated.core }
    private var log: MemoryLog { home.room.log }

    /// Members go on from their positions.
    /// - Parameter isInStep: whether the room has all that the store had: then a position beyond it is ahead.
    func place(isInStep: Bool) {
        let members = replicated.unplaced.take { member in
            isInStep || member.position.map { $0.epoch == log.epoch && $0.seq <= log.newestSeq } ?? false
        }
        for member in members {
            let replay = acksOwed(to: member) + replay(for: member)
            home.flush()
            if !replay.isEmpty { core.send(.replay(replay), to: member.info) }
            if let position = member.position { replicated.resumed(member.info, from: position) }
        }
        guard replicated.unplaced.isEmpty else { return }
        for own in replicated.unplaced.takeOwn() where own.isProvisional { replicated.provisionals.ended() }
    }

    /// Members hear nothing of what comes from now on, until each is led from where it stands.
    func freeze() {
        replicated.isReady = false
        for info in home.room.connections where !home.live.isReplaying(info) {
            replicated.unplaced.append(info, at: replicated.announced.position, since: core.loop.unixNow)
        }
    }

    private func replay(for member: UnplacedMembers.Member) -> [ReplayedFrame] {
        guard let position = member.position else {
            // Of what it heard, and of what was there before it came, nothing leads here.
            let after = lastSeq(before: member.since)
            return replay(after: after, gap: .epochChanged, to: member.info) { _ in false }
        }
        let former = replicated.former
        let plan = ResumePlan(from: position, in: log, former)
        return replay(after: plan.replayAfter, gap: plan.gap, to: member.info) { seq in
            position.epoch != log.epoch && former.wasSeen(seq, upTo: position)
        }
    }

    /// - Parameters:
    ///   - gap: why the first frame does not follow what the member had; said even when none comes.
    ///   - wasSeen: whether the member had an entry in a former epoch.
    private func replay(
        after seq: UInt64, gap: GapReason?, to info: ConnectionInfo, wasSeen: (UInt64) -> Bool
    ) -> [ReplayedFrame] {
        var (replay, gap, reached) = ([ReplayedFrame](), gap, seq)
        for entry in log.entries(after: seq, countMax: .max, byteCountMax: .max) {
            if entry.seq > reached + 1, gap == nil { gap = .notStored }
            reached = entry.seq
            if wasSeen(entry.seq), !isUnconfirmed(entry.seq, to: info) {
                if gap == nil { gap = .trimmed }
                continue
            }
            if let reason = gap { replay.append(gapFrame(before: entry.seq, reason)) }
            gap = nil
            replay.append(replayed(entry, to: info))
        }
        if log.newestSeq > reached, gap == nil { gap = .notStored }
        if let gap { replay.append(gapFrame(before: log.newestSeq + 1, gap)) }
        return replay
    }

    /// The acks of a member's own messages that it has had before it sent them again: their places lie behind it.
    private func acksOwed(to member: UnplacedMembers.Member) -> [ReplayedFrame] {
        guard let position = member.position else { return [] }
        let former = replicated.former
        return replicated.unplaced.own.compactMap { own in
            guard case .connection(let author) = own.author, author === member.info, !own.isProvisional,
                let seq = home.room.held(like: own.body)?.seq, let body = home.room.body(at: seq),
                position.epoch == log.epoch ? seq <= position.seq : former.wasSeen(seq, upTo: position)
            else { return nil }
            var place = replicated.replies.place(of: own, seq, body)
            place.isRepetition = true
            replicated.replies.writeAck(own, place)
            return .frame(core.writtenFrame())
        }
    }

    private func gapFrame(before seq: UInt64, _ reason: GapReason) -> ReplayedFrame {
        .frame(replicated.replies.gapFrame(before: seq, reason))
    }

    /// The own message that got its place, while members waited for theirs, as the entry of that seq.
    private func own(at seq: UInt64) -> Submission? {
        guard !replicated.unplaced.own.isEmpty, let body = home.room.body(at: seq) else { return nil }
        return replicated.unplaced.own(like: body)
    }

    /// Whether a member was shown a message of this node without a place: it waits for the confirmation, wherever it
    /// has had the message before.
    private func isUnconfirmed(_ seq: UInt64, to info: ConnectionInfo) -> Bool {
        guard let own = own(at: seq), own.isProvisional else { return false }
        return replicated.provisionals.isKnown(own, to: info)
    }

    /// An entry as a member gets it: what it has seen without a place is confirmed, and its own message is acked.
    private func replayed(_ entry: LogEntry, to info: ConnectionInfo) -> ReplayedFrame {
        guard let own = own(at: entry.seq) else { return .frame(entry.frame) }
        if own.isProvisional {
            guard replicated.provisionals.isKnown(own, to: info) else { return .frame(entry.frame) }
            return .frame(replicated.replies.confirmFrame(own, at: Position(epoch: log.epoch, seq: entry.seq)))
        }
        guard case .connection(let author) = own.author, author === info else { return .frame(entry.frame) }
        let body = home.room.historyHead.body(of: entry.frame.payload, seq: entry.seq)
        let replies = replicated.replies
        replies.writeAck(own, replies.place(of: own, entry.seq, Array(body)))
        return .ack(core.writtenFrame(), message: entry.frame)
    }

    /// The newest entry that is older than a moment: who came then without a position has seen nothing behind it.
    private func lastSeq(before time: Int) -> UInt64 {
        let last = home.room.findBody { body in body.withUnsafeBytes(MessageBody.time).map { $0 < time } ?? false }
        return last?.seq ?? log.oldestSeq - 1
    }
}
