import Core
import Rooms
import WireProtocol

/// Presence, typing, signals and read marks of the rooms at home on one worker, as the tier has them announced: at
/// once, paced, later and all together, or not at all.
///
/// Thread: the worker's.
final class DeferredNotices {
    /// Rooms that are looked at per tick, so that many of them make no long turn.
    private static let roomsPerTick = 2_000

    private unowned let table: RoomTable
    /// Rooms that have something to announce later, or have announced something lately.
    @exclusivity(unchecked) private var rooms: [ObjectIdentifier: RoomNotices] = [:]
    /// In the order in which they are looked at.
    @exclusivity(unchecked) private var queue: ContiguousArray<RoomOwner> = []

    init(of table: RoomTable) { self.table = table }

    private var core: WorkerCore { table.core }

    /// Changes what a room has to announce.
    private func update<Result>(_ owner: RoomOwner, _ change: (inout RoomNotices) -> Result) -> Result {
        let key = ObjectIdentifier(owner)
        if rooms[key] == nil { queue.append(owner) }
        return change(&rooms[key, default: RoomNotices()])
    }

    /// A user came to a room, or left it: its members are notified at once, or later as a count.
    /// - Parameter type: "joined" or "left".
    func presenceChanged(_ type: StaticString, of user: Identifier, in owner: RoomOwner) {
        switch core.load.policy.presence {
        case .counts(_, let users) where owner.userCount > users: break
        case .off: break
        case .each, .counts:
            core.writer.presenceChange(type, room: owner.id, user: user, users: owner.userCount)
            return owner.broadcastWritten()
        }
        core.counters.shed(.presence)
        update(owner) { $0.isPresenceDue = true }
    }

    /// Whether a room's members are notified now that somebody types.
    func admitsTyping(_ user: Identifier, _ isTyping: Bool, in owner: RoomOwner) -> Bool {
        admits(in: owner) { $0.admitsTyping(user, isTyping, every: $1, at: $2) }
    }

    /// Whether a room's members get a signal now; one that they don't get is gone.
    func admitsSignal(_ user: Identifier, in owner: RoomOwner) -> Bool {
        admits(in: owner) { $0.admitsSignal(user, every: $1, at: $2) }
    }

    /// Whether the row of typing lets a room's members be notified.
    /// - Parameter isDue: where it is paced, with the pause and the time in loop milliseconds.
    private func admits(in owner: RoomOwner, _ isDue: (inout RoomNotices, Int, Int) -> Bool) -> Bool {
        let isAdmitted: Bool
        switch core.load.policy.typing {
        case .each: return true
        case .paced(let pause, let most):
            isAdmitted = owner.userCount <= most && update(owner) { isDue(&$0, pause, core.loop.now) }
        case .off: isAdmitted = false
        }
        if !isAdmitted { core.counters.shed(.typing) }
        return isAdmitted
    }

    /// Whether a room's members are notified of a read mark now; if not, they are later.
    func admitsMark(of user: Identifier, _ seq: UInt64, in owner: RoomOwner) -> Bool {
        guard core.load.policy.readMarks != .each else { return true }
        core.counters.shed(.readMarks)
        update(owner) { $0.marks[user] = seq }
        return false
    }

    /// At each tick, and when the tier has changed: announces what is due.
    func flush() {
        let looked = queue.prefix(Self.roomsPerTick)
        queue.removeFirst(looked.count)
        for owner in looked {
            if flush(owner) { rooms[ObjectIdentifier(owner)] = nil } else { queue.append(owner) }
        }
    }

    /// Whether nothing is left; a room that is gone announces nothing.
    private func flush(_ owner: RoomOwner) -> Bool {
        let key = ObjectIdentifier(owner)
        guard var notices = rooms[key], table.find(owner.id) === owner else { return true }
        let (pauses, now) = (pauses, core.loop.now)
        if notices.isPresenceDue, let every = pauses.presence, now - notices.presenceNotifiedAt >= every {
            notices.isPresenceDue = false
            notices.presenceNotifiedAt = now
            core.writer.presenceCount(room: owner.id, users: owner.userCount)
            owner.broadcastWritten()
        }
        if !notices.marks.isEmpty, let every = pauses.marks, now - notices.marksNotifiedAt >= every {
            core.writer.read(room: owner.id, marks: notices.marks.lazy.map { (user: $0.key, seq: $0.value) })
            notices.marks = [:]
            notices.marksNotifiedAt = now
            owner.broadcastWritten()
        }
        let isSettled = notices.isSettled(
            pause: max(pauses.presence ?? 0, pauses.marks ?? 0, pauses.typing), at: now)
        rooms[key] = notices
        return isSettled
    }

    /// Between two announcements, in milliseconds; nil: not in this tier.
    private var pauses: (presence: Int?, marks: Int?, typing: Int) {
        let presence: Int? =
            switch core.load.policy.presence {
            case .each: 0
            case .counts(let every, _): every
            case .off: nil
            }
        let marks: Int? =
            switch core.load.policy.readMarks {
            case .each: 0
            case .batched(let every): every
            case .kept: nil
            }
        let typing = if case .paced(let every, _) = core.load.policy.typing { every } else { 0 }
        return (presence, marks, typing)
    }
}

/// The notices that one room still owes its members. A value of `DeferredNotices`.
struct RoomNotices {
    /// Authors whose last `typing` is remembered, and as many whose last signal is.
    private static let typistsMax = 500

    /// The number of users has changed.
    var isPresenceDue = false
    /// Marks that rose, each user's latest.
    var marks: [Identifier: UInt64] = [:]
    /// When they were last announced, loop milliseconds.
    var presenceNotifiedAt = 0
    var marksNotifiedAt = 0
    private var typists: [Identifier: (notifiedAt: Int, isTyping: Bool)] = [:]
    /// Authors of signals, and when their last one was sent.
    private var signalledAt: [Identifier: Int] = [:]

    init() {}

    /// Whether members are notified now that somebody types: once in so long, and its end if its beginning was sent.
    mutating func admitsTyping(_ user: Identifier, _ isTyping: Bool, every pause: Int, at now: Int) -> Bool {
        if let last = typists[user] {
            guard isTyping ? now - last.notifiedAt >= pause : last.isTyping else { return false }
        } else if !isTyping {
            return false
        }
        if typists.count >= Self.typistsMax { typists.removeAll() }
        typists[user] = (isTyping ? now : typists[user]?.notifiedAt ?? now, isTyping)
        return true
    }

    /// Whether members get a signal now: one of each user in so long.
    mutating func admitsSignal(_ user: Identifier, every pause: Int, at now: Int) -> Bool {
        if let last = signalledAt[user], now - last < pause { return false }
        if signalledAt.count >= Self.typistsMax { signalledAt.removeAll() }
        signalledAt[user] = now
        return true
    }

    /// Nothing is left, and nothing was announced within `pause`.
    mutating func isSettled(pause: Int, at now: Int) -> Bool {
        guard !isPresenceDue, marks.isEmpty, now - presenceNotifiedAt >= pause, now - marksNotifiedAt >= pause else {
            return false
        }
        typists = typists.filter { now - $0.value.notifiedAt < pause }
        signalledAt = signalledAt.filter { now - $0.value < pause }
        return typists.isEmpty && signalledAt.isEmpty
    }
}
