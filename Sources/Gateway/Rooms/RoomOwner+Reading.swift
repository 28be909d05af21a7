import Core
import Rooms
import WireProtocol

// Reading of a room, for frames and for HTTP.
extension RoomOwner {
    /// Answers a `history` frame.
    func history(_ query: HistoryQuery, requestID: String?, _ info: ConnectionInfo) {
        core.writer.removeAll()
        core.writer.history(
            of: id, room, query, requestID: requestID, type: "history", byteCountMax: HistoryPage.frameBytesMax(core),
            provisional: sequencer.provisionalMessages)
        answerReadWritten(info)
    }

    /// Answers a `users` frame.
    func users(limit: Int, requestID: String?, _ info: ConnectionInfo) {
        core.writer.removeAll()
        core.writer.beginObject()
        core.writer.beginUsers(requestID)
        _ = core.writer.users(of: id, self, after: nil, limit: limit)
        core.writer.endObject()
        answerReadWritten(info)
    }

    /// A page of users for HTTP.
    func usersPage(after cursor: Identifier?, limit: Int) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        if let next = writer.users(of: id, self, after: cursor, limit: limit) { writer.member("next_cursor", next) }
        writer.endObject()
        return .json(200, writer.array)
    }

    /// A page of the history for HTTP.
    func historyPage(_ query: HistoryQuery) -> HTTPResponse {
        var writer = JSONWriter()
        writer.history(
            of: id, room, query, requestID: nil, type: nil, provisional: sequencer.provisionalMessages)
        return .json(200, writer.array)
    }

    /// As `Room.users`, on all nodes.
    func users(after cursor: Identifier?, limit: Int) -> (users: [Identifier], isComplete: Bool) {
        room.users(after: cursor, limit: limit, with: sequencer.elsewhere)
    }

    /// Devices that a list of users names of each; of more it says how many there are. `GET /api/users/{id}` has all.
    static let devicesPerUserMax = 20
    /// Users that one `users` frame names at most.
    static let usersPerFrameMax = 1000
    /// Bytes of a list of users, and one user more: a thousand users with names as people have them.
    static let usersBytesMax = 256 * 1024
}

/// A page of a history. Pure.
struct HistoryPage {
    /// Bytes of messages that one page holds at most, and one message more; it may be incomplete for that. 500 messages
    /// of two kilobytes fit.
    static let bytesMax = 1024 * 1024
    /// The same for a `history` frame, which stands in its connection's queue.
    static func frameBytesMax(_ core: WorkerCore) -> Int { min(bytesMax, core.load.limits.sendQueueBytesMax / 2) }
    /// The most that so many messages may be, in bytes.
    static func bytesMax(of count: Int, messageBytesMax: Int) -> Int {
        min(bytesMax, count * messageBytesMax)
    }

    let entries: ArraySlice<LogEntry>
    /// There is nothing more in the direction that was asked for.
    private(set) var isComplete: Bool

    private init(_ entries: ArraySlice<LogEntry>, isComplete: Bool) {
        self.entries = entries
        self.isComplete = isComplete
    }

    /// Of the messages that have no place yet, the ones that stand behind the entries.
    private(set) var provisional: Range<Int> = 0..<0

    /// - Parameters:
    ///   - waiting: the bytes of each message that has no place yet.
    ///   - byteCountMax: bytes of messages that it holds at most, and one message more.
    ///   - includes: whether an entry for these devices is shown. One that is not takes no place in the page.
    init(
        _ query: HistoryQuery, of log: MemoryLog, waiting: [Int] = [], byteCountMax: Int = bytesMax,
        where includes: (Audience?) -> Bool = { _ in true }
    ) {
        switch query.anchor {
        case .after(let seq):
            let found = log.entries(
                after: seq, countMax: query.limit, byteCountMax: byteCountMax, where: includes)
            let isEnd =
                found.last.map {
                    log.entries(after: $0.seq, countMax: 1, byteCountMax: 0, where: includes).isEmpty
                } ?? true
            let left = byteCountMax - found.reduce(0) { $0 + $1.frame.length }
            let fitting = isEnd ? Self.fitting(waiting.prefix(query.limit - found.count), in: left).count : 0
            self.init(found[...], isComplete: isEnd && fitting == waiting.count)
            provisional = 0..<fitting
        case .newest:
            let fitting = Self.fitting(waiting.reversed().prefix(query.limit), in: byteCountMax)
            // Nothing older than a message that is left out: a page has no holes.
            let limit = fitting.count == waiting.count ? query.limit - fitting.count : 0
            self.init(before: log.newestSeq + 1, limit, byteCountMax - fitting.bytes, log, where: includes)
            provisional = waiting.count - fitting.count..<waiting.count
            if fitting.count < waiting.count { isComplete = false }
        case .before(let seq):
            self.init(before: min(seq, log.newestSeq + 1), query.limit, byteCountMax, log, where: includes)
        }
    }

    /// How many of the first messages fit in so many bytes, one message more, and the bytes of these.
    private static func fitting(_ waiting: some Collection<Int>, in byteCountMax: Int) -> (count: Int, bytes: Int) {
        var (count, bytes) = (0, 0)
        for next in waiting where bytes <= byteCountMax {
            count += 1
            bytes += next
        }
        return (count, bytes)
    }

    /// The last entries before `seq`, as many as the limits allow.
    private init(
        before seq: UInt64, _ limit: Int, _ byteCountMax: Int, _ log: MemoryLog, where includes: (Audience?) -> Bool
    ) {
        let found = log.entries(before: seq, countMax: limit, where: includes)
        var bytes = 0
        var start = found.endIndex
        while start > 0, bytes <= byteCountMax {
            start -= 1
            bytes += found[start].frame.length
        }
        let page = found[start...]
        self.init(
            page, isComplete: log.entries(before: page.first?.seq ?? seq, countMax: 1, where: includes).isEmpty)
    }
}

extension JSONWriter {
    /// Writes a history: of an unknown room, an empty one.
    mutating func history(
        of id: Identifier, _ room: Room?, _ query: HistoryQuery, requestID: String?, type: StaticString?,
        byteCountMax: Int = HistoryPage.bytesMax, provisional: [Submission] = []
    ) {
        let waiting = provisional.map(\.body.count)
        let page = room.map { HistoryPage(query, of: $0.log, waiting: waiting, byteCountMax: byteCountMax) }
        beginObject()
        if let type {
            member("type", type)
        }
        if let requestID {
            member("id", requestID)
        }
        member("room", id)
        member("epoch", room?.log.epoch ?? "")
        name("messages")
        beginArray()
        for entry in page?.entries ?? [] { raw(entry.frame.payload) }
        for message in provisional[page?.provisional ?? 0..<0] {
            var writer = JSONWriter()
            message.body.withUnsafeBytes { writer.provisionalMessage(in: id, body: $0) }
            raw(writer.bytes)
        }
        endArray()
        member("complete", page?.isComplete ?? true)
        endObject()
    }

    /// Writes the first members of a `users` frame.
    mutating func beginUsers(_ requestID: String?) {
        member("type", "users" as StaticString)
        if let requestID {
            member("id", requestID)
        }
    }

    /// Writes who is in a room on all nodes, as members of an open object; of an unknown room, nobody. Returns the last
    /// user if there are more.
    mutating func users(of id: Identifier, _ owner: RoomOwner?, after cursor: Identifier?, limit: Int) -> Identifier? {
        let page = owner?.users(after: cursor, limit: limit) ?? (users: [], isComplete: true)
        member("room", id)
        member("count", owner?.userCount ?? 0)
        name("users")
        beginArray()
        let end = bytes.count + RoomOwner.usersBytesMax
        var written: Identifier?
        var isComplete = page.isComplete
        for user in page.users {
            guard let owner, bytes.count <= end else {
                isComplete = false
                break
            }
            self.user(user, in: owner)
            written = user
        }
        endArray()
        member("complete", isComplete)
        return isComplete ? nil : written
    }

    private mutating func user(_ user: Identifier, in owner: RoomOwner) {
        beginObject()
        member("user", user)
        if let mark = owner.room.readMark(of: user) {
            member("read_seq", mark)
        }
        name("devices")
        beginArray()
        var left = RoomOwner.devicesPerUserMax
        let here = owner.room.attendance(of: user).entries
        for entry in here.prefix(left) {
            beginObject()
            device(entry.info, on: owner.core.context.nodeID)
            endObject()
        }
        left -= min(here.count, left)
        var count = here.count
        for remote in owner.sequencer.attendancesElsewhere(of: user) {
            count += remote.devices.count
            for device in remote.devices.prefix(left) {
                beginObject()
                self.device(device, on: remote.node)
                endObject()
            }
            left -= min(remote.devices.count, left)
        }
        endArray()
        if count > RoomOwner.devicesPerUserMax { member("device_count", count) }
        endObject()
    }

    /// Writes a connection's device as members of an open object.
    mutating func device(_ info: ConnectionInfo, on node: String) {
        device(info.device, type: info.deviceType, node: node, connectedAt: info.connectedAt)
    }

    /// Writes a device of another node as members of an open object.
    mutating func device(_ device: RemoteAttendance.Device, on node: String) {
        self.device(device.device, type: device.deviceType, node: node, connectedAt: device.connectedAt)
    }

    private mutating func device(_ device: Identifier, type: String?, node: String, connectedAt: Int) {
        member("device", device)
        if let type {
            member("device_type", type)
        }
        member("node", node)
        member("since_at", connectedAt)
    }
}
