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
        /// It was led here to its position: that is of what this node followed.
        let isLed: Bool
    }

    private var members: [ObjectIdentifier: (number: Int, member: Member)] = [:]
    private var nextNumber = 0
    /// A message of this node that got its place while members waited for theirs.
    struct Own {
        let message: Submission
        /// Where it stood then; another history may have given it another place since.
        let place: Position
    }

    /// These messages, in their order.
    private(set) var own: [Own] = []

    var isEmpty: Bool { members.isEmpty }

    /// Where they stand.
    var positions: some Sequence<Position> { members.values.lazy.compactMap(\.member.position) }

    func contains(_ info: ConnectionInfo) -> Bool { members[ObjectIdentifier(info)] != nil }

    /// One that waits already keeps the place that it came with.
    mutating func append(_ info: ConnectionInfo, at position: Position?, since: Int, isLed: Bool = false) {
        guard !contains(info) else { return }
        let member = Member(info: info, position: position, since: since, isLed: isLed)
        members[ObjectIdentifier(info)] = (nextNumber, member)
        nextNumber += 1
    }

    /// An own message got its place.
    mutating func gotPlace(_ message: Submission, at place: Position) {
        own.append(Own(message: message, place: place))
    }

    /// A member has its place, and with it the acks of its own messages.
    mutating func acked(_ info: ConnectionInfo) {
        own.removeAll { own in
            guard case .connection(let author) = own.message.author, !own.message.isProvisional else { return false }
            return author === info
        }
    }

    /// All have their places. The own messages that got theirs meanwhile.
    mutating func takeOwn() -> [Own] {
        defer { own = [] }
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
    private unowned let replicated: ReplicatedRoom
    /// Own messages that got their places while members waited for theirs, each with its seq if the history holds it.
    private let own: [(message: Submission, place: Position, seq: UInt64?)]
    /// The same by seq.
    private let ownBySeq: [UInt64: Submission]
    /// As `former`, for members that this node led.
    private let ledFormer: FormerPlaces

    init(replicated: ReplicatedRoom) {
        self.replicated = replicated
        own = replicated.unplaced.own.map { own in
            let seq = replicated.home.room.held(like: own.message.body)?.seq
            let epoch = replicated.home.room.log.epoch
            return (own.message, seq.map { Position(epoch: epoch, seq: $0) } ?? own.place, seq)
        }
        ledFormer = replicated.former.ofThisNode
        ownBySeq = Dictionary(own.compactMap { own in own.seq.map { ($0, own.message) } }) { _, last in last }
    }

    private var home: RoomOwner { replicated.home }
    private var core: WorkerCore { replicated.core }
    private var log: MemoryLog { home.room.log }

    /// Members go on from their positions.
    /// - Parameter isInStep: whether the room has all that the store had: then a position beyond it is ahead.
    func place(isInStep: Bool) {
        let members = replicated.unplaced.take { member in
            isInStep || member.position.map { $0.epoch == log.epoch && $0.seq <= log.newestSeq } ?? false
        }
        let times = members.contains { $0.position == nil } ? entryTimes : []
        for member in members {
            let replay = replay(for: member, times)
            home.flush()
            if !replay.isEmpty { core.send(.replay(replay), to: member.info) }
            if let position = member.position {
                replicated.resumed(member.info, from: position, isLed: member.isLed)
            }
        }
        guard replicated.unplaced.isEmpty else {
            // Who is placed must hear nothing of that again when it has to wait once more.
            let numbers = Set(own.lazy.filter(\.message.isProvisional).compactMap(\.message.number))
            for member in members {
                replicated.provisionals.heard(numbers, by: member.info)
                replicated.unplaced.acked(member.info)
            }
            return
        }
        for own in replicated.unplaced.takeOwn() where own.message.isProvisional { replicated.provisionals.ended() }
    }

    /// Members hear nothing of what comes from now on, until each is led from where it stands.
    func freeze() {
        replicated.isReady = false
        for info in home.room.connections where !home.live.isReplaying(info) {
            let position = replicated.announced.position
            replicated.unplaced.append(info, at: position, since: core.loop.unixNow, isLed: true)
        }
    }

    private typealias EntryTime = (seq: UInt64, time: Int?)

    /// When each entry was said, Unix milliseconds.
    private var entryTimes: [EntryTime] {
        home.room.bodies.map { ($0.seq, $0.body.withUnsafeBytes(MessageBody.time)) }
    }

    private func replay(for member: UnplacedMembers.Member, _ times: [EntryTime]) -> [ReplayedFrame] {
        let info = member.info
        guard let position = member.position else { return newcomersReplay(info, since: member.since, times) }
        let former = member.isLed ? ledFormer : replicated.former
        let plan = ResumePlan(from: position, in: log, former, shownBytesMax: core.replayBytesMax)
        if position.epoch == log.epoch {
            return answersOwed(to: info) { $0 <= plan.replayAfter }
                + replay(after: plan.replayAfter, gap: plan.gap, to: info) { _ in false }
        }
        // It gets the answers that it waits for at their places, and those to what it has seen behind the gap.
        let passed = PassedPlaces(position)
        func hasSeen(_ seq: UInt64) -> Bool { former.wasSeen(seq, by: passed) && !isUnconfirmed(seq, to: info) }
        // What this node showed it, not knowing that it had it, is confirmed in its order, too.
        let confirmed = own.compactMap(\.seq).filter { $0 <= plan.replayAfter && isUnconfirmed($0, to: info) }
        let answered = Set(plan.shown).union(confirmed)
        return replicated.replies.leadFrames(plan, over: answered.sorted(), as: ReplayedFrame.frame) { seq in
            answer(at: seq, to: info)
        }
            + answersOwed(to: info) { $0 <= plan.replayAfter && !answered.contains($0) || hasSeen($0) }
            + replay(after: plan.replayAfter, gap: nil, to: info, isLeftOut: hasSeen)
    }

    /// The answer that a member gets at an entry; nil: it waits for none there.
    private func answer(at seq: UInt64, to info: ConnectionInfo) -> ReplayedFrame? {
        guard isUnanswered(seq, to: info) else { return nil }
        return log.entries(after: seq - 1, countMax: 1, byteCountMax: .max).first.map { replayed($0, to: info) }
    }

    /// Nothing leads here from what a member heard that came without a position: it gets what was said since it came,
    /// and the answers that it waits for, wherever these stand.
    private func newcomersReplay(_ info: ConnectionInfo, since: Int, _ times: [EntryTime]) -> [ReplayedFrame] {
        var (first, isRecent, old) = (UInt64.max, false, Set<UInt64>())
        for entry in times {
            let isOld = entry.time.map { $0 < since } ?? false
            if !isOld { isRecent = true }
            if !isUnanswered(entry.seq, to: info), isOld, !isRecent || replicated.former.isRestored(entry.seq) {
                old.insert(entry.seq)
            } else {
                first = min(first, entry.seq)
            }
        }
        let after = first == .max ? log.newestSeq : first - 1
        return replay(after: after, gap: .epochChanged, to: info) { old.contains($0) }
    }

    /// - Parameters:
    ///   - gap: why the first frame does not follow what the member had; said even when none comes.
    ///   - isLeftOut: whether the member gets a gap in an entry's place.
    private func replay(
        after seq: UInt64, gap: GapReason?, to info: ConnectionInfo, isLeftOut: (UInt64) -> Bool
    ) -> [ReplayedFrame] {
        var (replay, gap, reached) = ([ReplayedFrame](), gap, seq)
        for entry in log.entries(after: seq, countMax: .max, byteCountMax: .max) {
            if entry.seq > reached + 1, gap == nil { gap = .notStored }
            reached = entry.seq
            if isLeftOut(entry.seq) {
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

    /// The answers to a member whose places lie before what is replayed to it: acks of own messages that it sent again,
    /// and confirmations of what it was shown without a place, as nobody here knew then that it had been committed.
    /// - Parameter isPassed: whether the member has passed an entry, and gets nothing in its place.
    private func answersOwed(to info: ConnectionInfo, isPassed: (UInt64) -> Bool) -> [ReplayedFrame] {
        let replies = replicated.replies
        return own.compactMap { own in
            guard !own.message.isProvisional else {
                guard isUnconfirmed(own.message, to: info), own.seq.map(isPassed) ?? true else { return nil }
                return .frame(replies.confirmFrame(own.message, at: own.place))
            }
            guard isAuthor(info, of: own.message), let seq = own.seq, isPassed(seq), let body = home.room.body(at: seq)
            else { return nil }
            var place = replies.place(of: own.message, seq, body)
            place.isRepetition = true
            replies.writeAck(own.message, place)
            return .ack(core.writtenFrame(), message: nil)
        }
    }

    private func gapFrame(before seq: UInt64, _ reason: GapReason) -> ReplayedFrame {
        .frame(replicated.replies.gapFrame(before: seq, reason))
    }

    /// Whether a member was shown a message of this node without a place: it waits for the confirmation, wherever it
    /// has had the message before.
    private func isUnconfirmed(_ own: Submission, to info: ConnectionInfo) -> Bool {
        own.isProvisional && replicated.provisionals.isKnown(own, to: info)
    }

    private func isUnconfirmed(_ seq: UInt64, to info: ConnectionInfo) -> Bool {
        ownBySeq[seq].map { isUnconfirmed($0, to: info) } ?? false
    }

    private func isAuthor(_ info: ConnectionInfo, of own: Submission) -> Bool {
        if case .connection(let author) = own.author { author === info } else { false }
    }

    /// Whether a member waits for the answer to an entry: a confirmation, or the ack of its own message.
    private func isUnanswered(_ seq: UInt64, to info: ConnectionInfo) -> Bool {
        ownBySeq[seq].map { isUnconfirmed($0, to: info) || isAuthor(info, of: $0) } ?? false
    }

    /// An entry as a member gets it: what it has seen without a place is confirmed, and its own message is acked.
    private func replayed(_ entry: LogEntry, to info: ConnectionInfo) -> ReplayedFrame {
        guard let own = ownBySeq[entry.seq] else { return .frame(entry.frame) }
        if own.isProvisional {
            guard isUnconfirmed(own, to: info) else { return .frame(entry.frame) }
            return .frame(replicated.replies.confirmFrame(own, at: Position(epoch: log.epoch, seq: entry.seq)))
        }
        guard isAuthor(info, of: own) else { return .frame(entry.frame) }
        let body = home.room.historyHead.body(of: entry.frame.payload, seq: entry.seq)
        let replies = replicated.replies
        replies.writeAck(own, replies.place(of: own, entry.seq, Array(body)))
        return .ack(core.writtenFrame(), message: entry.frame)
    }
}
