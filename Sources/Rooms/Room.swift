import Core
import WireProtocol

/// The settings of a room that an operator may change. A class, because nearly all rooms share the node's.
package final class RoomSettings: Sendable {
    package let name: String?
    /// Distinct users at once; nil: no bound but the node's.
    package let usersMax: Int?
    /// Messages kept.
    package let historySize: Int

    package init(name: String? = nil, usersMax: Int? = nil, historySize: Int) {
        self.name = name
        self.usersMax = usersMax
        self.historySize = historySize
    }
}

/// A room at its home: its one order, who is in it, and what they have read.
///
/// Pure: time comes in, effects are results. Thread: the home worker's.
package final class Room {
    /// Read marks that a room keeps for users; beyond, the lowest goes.
    package static let readMarksMax = 10_000

    package let id: Identifier
    package private(set) var settings: RoomSettings
    /// Unix milliseconds.
    package private(set) var createdAt: Int
    @exclusivity(unchecked) package private(set) var log: MemoryLog
    @exclusivity(unchecked) package private(set) var connectionCount = 0
    /// The last join, leave or message, in loop milliseconds.
    @exclusivity(unchecked) package var lastActiveAt: Int
    private let stored: StoredMessages
    /// Names the history in the table of known ids.
    @exclusivity(unchecked) private var scope: UInt64
    @exclusivity(unchecked) package var listing = StoredListing()
    // Behind the listing, which leaves place for it: so an idle room takes sixteen bytes less.
    /// Made by an operator: it stays when it is empty, and only its history expires.
    @exclusivity(unchecked) package private(set) var isConfigured: Bool
    /// Of a history that nodes share.
    var index = HistoryIndex()
    @exclusivity(unchecked) private var users = Roster()
    @exclusivity(unchecked) private var readMarks: [Identifier: UInt64] = [:]
    /// There since the first message.
    @exclusivity(unchecked) private var head: HistoryHead?

    /// - Parameters:
    ///   - createdAt: Unix milliseconds.
    ///   - now: loop milliseconds, as in all that follows.
    ///   - stored: that of all rooms of the worker.
    package init(
        id: Identifier, settings: RoomSettings, isConfigured: Bool, epoch: String, createdAt: Int, at now: Int,
        in stored: StoredMessages
    ) {
        self.id = id
        self.settings = settings
        self.isConfigured = isConfigured
        self.createdAt = createdAt
        self.stored = stored
        lastActiveAt = now
        scope = stored.ids.makeScope()
        log = MemoryLog(epoch: epoch, capacity: settings.historySize, meter: stored.rooms.meter)
    }

    deinit { stored.rooms.remove(self) }

    // MARK: Messages

    /// The first commit of a message that was sent before, or nil for a new one.
    package func known(_ user: Identifier, _ id: UnsafeRawBufferPointer) -> Committed? {
        stored.ids.find(scope, user, id, newestSeq: log.newestSeq).map {
            Committed(position: Position(epoch: log.epoch, seq: $0.seq), time: $0.time)
        }
    }

    /// Commits a message under `log.newestSeq + 1`, which `payload` contains.
    /// - Parameters:
    ///   - id: the client's id; nil when the server made it, for then nobody can repeat it.
    ///   - time: what the message says of it: Unix milliseconds.
    package func commit(
        _ payload: UnsafeRawBufferPointer, from user: Identifier, id: UnsafeRawBufferPointer?, time: Int, at now: Int
    ) -> FrameSlice {
        let frame = log.append(payload, audience: nil, at: now)
        lastActiveAt = now
        settleStored()
        if let id { stored.ids.insert(scope, user, id, seq: log.newestSeq, time: time, at: now) }
        return frame
    }

    /// The seq of the newest message. Read here, as another module would check the access to `log`.
    package var newestSeq: UInt64 { log.newestSeq }

    /// The bytes with which the frames of the history begin.
    package var historyHead: HistoryHead {
        if let head { return head }
        let made = HistoryHead(room: id, epoch: log.epoch)
        head = made
        return made
    }

    /// Goes on with a history whose entries up to `seq` are not held here.
    package func replaceHistory(epoch: String, forkedAt seq: UInt64) {
        log = MemoryLog(
            epoch: epoch, capacity: settings.historySize, forkedAt: seq, meter: stored.rooms.meter)
        settleStored()
        index = HistoryIndex()
        head = nil
    }

    /// Begins a new history, as if the room had been made again.
    package func forgetHistory(newEpoch: String, at time: Int) {
        log = MemoryLog(epoch: newEpoch, capacity: settings.historySize, meter: stored.rooms.meter)
        scope = stored.ids.makeScope()
        settleStored()
        index = HistoryIndex()
        head = nil
        readMarks = [:]
        lastActiveAt = time
    }

    // MARK: Who is in

    package enum Join {
        case full
        /// `isFirst`: others must hear that the user came.
        case joined(isFirst: Bool)
    }

    package var isEmpty: Bool { users.isEmpty }
    /// Distinct users, those within the grace included.
    package var userCount: Int { users.count }

    package func joined(_ info: ConnectionInfo, at time: Int) -> Join {
        let hasPlace = settings.usersMax.map { users.count < $0 } ?? true
        let joined = users.update(info.user) { attendance -> Join in
            let isIn = !attendance.isEmpty
            guard isIn || hasPlace else { return .full }
            attendance.joined(info)
            return .joined(isFirst: !isIn)
        }
        if case .joined = joined {
            connectionCount += 1
            lastActiveAt = time
        }
        return joined
    }

    package enum Departure {
        /// The user is still in, or was not in before.
        case unnoticed
        /// The last connection went: others must hear of that.
        case userLeft
        /// The last living connection was lost: ask `graceEnded` then.
        case inGrace
    }

    /// A connection left for good, at once.
    package func left(_ info: ConnectionInfo, at time: Int) -> Departure {
        let departure = users.update(info.user) { attendance -> Departure? in
            guard attendance.isLiving(info) else { return nil }
            attendance.left(info)
            return attendance.isEmpty ? .userLeft : .unnoticed
        }
        return departed(departure, at: time)
    }

    /// A connection was lost or closed; it counts until `graceEnd` (loop milliseconds).
    package func lost(_ info: ConnectionInfo, graceEnd: Int, at time: Int) -> Departure {
        let departure = users.update(info.user) { attendance -> Departure? in
            guard attendance.isLiving(info) else { return nil }
            attendance.lost(info, graceEnd: graceEnd)
            return .inGrace
        }
        return departed(departure, at: time)
    }

    /// Counts a connection that was in; nil when it was not.
    private func departed(_ departure: Departure?, at time: Int) -> Departure {
        guard let departure else { return .unnoticed }
        connectionCount -= 1
        assert(connectionCount >= 0, "more connections left the room than came")
        lastActiveAt = time
        return departure
    }

    /// The grace of some connection of `user` is over.
    package func graceEnded(_ user: Identifier, at now: Int) -> Departure {
        users.update(user) { attendance in
            let expired = attendance.expire(at: now)
            return !expired.isEmpty && attendance.isEmpty ? .userLeft : .unnoticed
        }
    }

    /// Users above `cursor`, by id ascending, at most `limit`, and whether there are no more.
    /// - Parameter others: users who are in without a connection here.
    package func users(
        after cursor: Identifier?, limit: Int, with others: Set<Identifier> = []
    ) -> (users: [Identifier], isComplete: Bool) {
        let wanted = (users.all.compactMap(\.user) + others)
            .filter { user in cursor.map { $0 < user } ?? true }
            .sorted()
        return (Array(wanted.prefix(limit)), wanted.count <= limit)
    }

    /// A user's connections.
    package func attendance(of user: Identifier) -> Attendance { users[user] }
    /// All users with their connections.
    package var attendances: ContiguousArray<Attendance> { users.all }

    /// Whether a connection is in and living.
    package func isIn(_ info: ConnectionInfo) -> Bool { users[info.user].isLiving(info) }

    /// All living connections.
    package var connections: [ConnectionInfo] { users.all.flatMap(\.living) }

    // MARK: Read marks

    package var allReadMarks: [(user: Identifier, seq: UInt64)] { readMarks.map { ($0.key, $0.value) } }

    package func readMark(of user: Identifier) -> UInt64? { readMarks[user] }

    /// Raises a user's mark; the new mark, or nil when it did not rise.
    package func read(_ user: Identifier, upTo seq: UInt64) -> UInt64? { mark(user, min(seq, log.newestSeq)) }

    private func mark(_ user: Identifier, _ mark: UInt64) -> UInt64? {
        guard mark > readMarks[user] ?? 0 else { return nil }
        if readMarks.count >= Self.readMarksMax, readMarks[user] == nil {
            // The one that is furthest behind says least.
            if let last = readMarks.min(by: { $0.value < $1.value })?.key { readMarks[last] = nil }
        }
        readMarks[user] = mark
        return mark
    }

    /// As `read`, by another node, which may know entries that have not come here yet.
    package func readElsewhere(_ user: Identifier, upTo seq: UInt64) -> UInt64? { mark(user, seq) }

    // MARK: Settings

    /// The settings by an operator, somewhere in the cluster.
    package func set(_ settings: RoomSettings, isConfigured: Bool, createdAt: Int) {
        self.settings = settings
        self.isConfigured = isConfigured
        self.createdAt = createdAt
        log.capacity = settings.historySize
        settleStored()
    }
}

extension Room: StoredHolder {
    package var storedBytes: Int { log.storedBytes }

    package func give(_ bytes: Int) -> Int { log.give(bytes) }

    /// The history has another size. An operator's room gives nothing to make place for others.
    @inline(__always)
    func settleStored() { if isConfigured { stored.rooms.remove(self) } else { stored.rooms.settle(self) } }
}
