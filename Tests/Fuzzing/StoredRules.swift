import ClusterState
import Core
import Gateway
import Rooms
import WireProtocol

/// Data that lie in Redis, or are published there, whoever wrote them.
enum StoredRules {
    /// Beyond this Redis' scripts don't count exactly.
    private static let edge = 1 << 53

    /// The input is taken as bytes that are stored or published, and as replies of Redis.
    static func check(_ input: UnsafeRawBufferPointer) throws {
        try check(Array(input))
        for reply in RESPRules.replies([input]).replies { try check(reply) }
    }

    private static func hold(_ positions: [Position]) throws {
        try Fuzzing.hold(positions.allSatisfy { $0.seq <= edge }, "a seq beyond what is exact: \(positions)")
    }

    private static func holdCounted(_ numbers: Int..., what: String) throws {
        try Fuzzing.hold(numbers.allSatisfy { (0...edge).contains($0) }, "\(what) out of range: \(numbers)")
    }

    // MARK: Bytes

    private static func check(_ bytes: [UInt8]) throws {
        try checkPublication(bytes)
        let positions = Position.list(bytes)
        try hold(positions)
        try holdEqual(Position.list(Position.text(of: positions)), positions, "positions, written anew")
        let cursor = InboxCursor(text: bytes)
        try Fuzzing.hold(cursor.positions.count <= InboxCursor.positionsMax, "a cursor of too many histories")
        try holdEqual(InboxCursor(text: cursor.text), cursor, "a cursor, written anew")
        let lineage = Lineage(text: bytes)
        try Fuzzing.hold(lineage.forks.count <= Lineage.countMax, "a lineage of too many epochs")
        try holdEqual(Lineage(text: lineage.text), lineage, "a lineage, written anew")
        if let attendance = RemoteAttendance(record: bytes) {
            for device in attendance.devices { try holdCounted(device.connectedAt, what: "a time") }
            try holdEqual(RemoteAttendance(record: attendance.record), attendance, "an attendance, written anew")
        }
        if let answer = DeviceRoomsAnswer(bytes) {
            try holdEqual(DeviceRoomsAnswer(answer.payload), answer, "the places of devices, written anew")
        }
        try checkBody(bytes)
    }

    private static func checkPublication(_ bytes: [UInt8]) throws {
        switch ChannelMessage(bytes) {
        case .entries(let publication):
            try Fuzzing.hold(LogCommit.isPublication(bytes), "entries of what is no publication")
            let size = publication.entries.reduce(0) { $0 + $1.body.count }
            try Fuzzing.hold(size <= bytes.count, "entries of more bytes than were published")
            for (one, next) in zip(publication.entries, publication.entries.dropFirst()) {
                try Fuzzing.hold(next.seq == one.seq + 1, "entries that don't follow each other")
            }
            for entry in publication.entries { try hold(entry.was) }
        case .presence(let change):
            try Fuzzing.hold(change.record.count < bytes.count, "a record of more bytes than were published")
        case .notice(let notice):
            try holdEqual(ChannelMessage(notice.payload), .notice(notice), "a notice, written anew")
        case .unknown: break
        }
    }

    private static func checkBody(_ bytes: [UInt8]) throws {
        try Pieces.withCopy(of: bytes) { copy in
            let body = UnsafeRawBufferPointer(copy)
            if let length = MessageBody.keyLength(body) {
                try Fuzzing.hold((0...body.count).contains(length), "a key of \(length) of \(body.count) bytes")
                try Fuzzing.hold(MessageKey.areSame(body, body), "a message that is not like itself")
            }
            try holdCounted(MessageBody.time(body) ?? 0, what: "a time")
            guard let direct = DirectBody(body) else { return }
            let again = DirectBody.bytes(
                frame: direct.frame, device: direct.device, deviceType: direct.deviceType)
            try again.withUnsafeBytes { again in
                guard let again = DirectBody(again) else { return try Fuzzing.hold(false, "a direct, written anew") }
                try holdEqual(Array(again.frame), Array(direct.frame), "the frame of a direct, written anew")
                try holdEqual(again.device, direct.device, "the device of a direct, written anew")
                try holdEqual(again.deviceType, direct.deviceType, "the type of a direct, written anew")
            }
        }
        guard let kept = KeptMessage(bytes) else { return }
        try holdCounted(kept.time, what: "a time")
        try holdEqual(kept.body, bytes, "the body of a kept message")
    }

    // MARK: Replies

    private static func check(_ reply: StoreReply) throws {
        try checkLog(reply)
        try checkCluster(reply)
        if let facts = RoomFacts(reply) {
            try holdCounted(facts.createdAt, what: "a time")
            try Fuzzing.hold(facts.marks.allSatisfy { $0.seq <= edge }, "a read mark beyond what is exact")
            try check(facts.settings)
        }
        if let info = RoomInfo(reply) {
            let counts = info.counts ?? RoomInfo.Counts(users: 0, connections: 0)
            try holdCounted(info.createdAt, counts.users, counts.connections, what: "a number of a room")
            try Fuzzing.hold(info.seq <= edge, "a seq beyond what is exact")
            try check(info.settings)
        }
        if let session = UserSession(reply) {
            try holdCounted(session.messageCount, session.lastActiveAt ?? 0, what: "a number of a session")
        }
        if let cursors = InboxCursors(reply) {
            for cursor in cursors.devices.map(\.cursor) + [cursors.acked] { try hold(cursor.positions) }
        }
        _ = RoomIndex.rooms(reply)
        _ = PushClaim.isFirst(reply)
    }

    private static func check(_ settings: RoomFacts.Settings?) throws {
        guard let settings else { return }
        try Fuzzing.hold((1...256).contains(settings.name?.utf8.count ?? 1), "a name of a wrong length")
        try Fuzzing.hold((1...10_000_000).contains(settings.usersMax ?? 1), "max_users out of range")
        try Fuzzing.hold((0...1_000_000).contains(settings.historySize ?? 0), "history_size out of range")
    }

    private static func checkLog(_ reply: StoreReply) throws {
        if let answer = LogCommit.answer(reply) {
            try Fuzzing.hold(answer.newestSeq <= edge, "a seq beyond what is exact")
            try hold(answer.lineage.forks)
            for result in answer.results {
                switch result {
                case .committed(let seq, _, _): try Fuzzing.hold((1...UInt64(edge)).contains(seq), "a seq of \(seq)")
                case .known(let position, let time, _):
                    try hold([position])
                    try holdCounted(time, what: "a time")
                case .fenced: break
                }
            }
        }
        for entry in LogCommit.entries(reply) ?? [] {
            try Fuzzing.hold(entry.seq <= edge && entry.unstoredFrom ?? 0 <= entry.seq, "an entry at \(entry.seq)")
            try hold(entry.was)
        }
        if let range = LogRange.answer(reply) {
            try Fuzzing.hold(range.entries.allSatisfy { $0.seq <= edge }, "a seq beyond what is exact")
        }
        for entry in RoomPresence.page(reply)?.entries ?? [] {
            try Fuzzing.hold(!entry.record.isEmpty, "somebody who is there with nothing")
        }
        _ = DeletedHistories.names("e", in: reply)
    }

    private static func checkCluster(_ reply: StoreReply) throws {
        if let answer = Beat.answer(reply) {
            try holdCounted(answer.time, answer.knownSince, what: "a time")
            for other in answer.others {
                try holdCounted(other.time, what: "a time")
                guard let record = other.record else { continue }
                try holdCounted(record.startedAt, record.connections, what: "a number of a node")
                try Fuzzing.hold(Identifier(validating: record.node) != nil, "a node without a name")
            }
            try checkMembership(answer)
        }
        if let answer = Sweep.answer(reply) { try holdCounted(answer.removed, what: "a count") }
        _ = Sweep.page(reply)
        switch LockAnswer(reply) {
        case .granted(let token, let generation): try Fuzzing.hold(token <= edge && generation <= edge, "a token")
        case .waiting(let span, _), .quarantine(let span, _):
            try Fuzzing.hold((-1...edge).contains(span), "a span of \(span)")
        case .full, .evicting, .renewed, .changed, .lost, nil: break
        }
    }

    /// The machine that hears such answers lives with them, one after the other.
    private static func checkMembership(_ answer: Beat.Answer) throws {
        var members = ClusterMembership(
            node: "n", boot: "me", heartbeatMilliseconds: 3_000, expiryMilliseconds: 9_000, at: 0)
        let own = NodeRecord(
            node: "n", boot: "me", address: "127.0.0.1:8000", state: .up, startedAt: 0, connections: 0, tier: "normal",
            lastSeenAt: 0)
        for now in stride(from: 0, through: 40_000, by: 10_000) where members.ticked(at: now) {
            _ = members.beat(own, at: now)
            // Every other answer has forgotten the others.
            let heard =
                now % 20_000 == 0
                ? answer : Beat.Answer(time: answer.time, knownSince: answer.knownSince, others: [])
            _ = members.beatAnswered(heard, at: now, unixNow: 1_700_000_000_000 + now)
        }
        try Fuzzing.hold(members.nodes.count <= answer.others.count, "more nodes than were heard of")
    }
}
