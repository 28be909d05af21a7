import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("What lies in the store, whatever it is")
struct StoredFuzzTests {
    private static let edge = 1 << 53

    /// Replies as a broken, a hostile or a future node can have left them.
    private struct Hostile {
        var random: SplitMix64

        private static let numbers = [
            0, 1, -1, 2, 1 << 53, (1 << 53) + 1, -(1 << 53), Int(Int32.max), Int.max, Int.max - 1, Int.min, Int.min + 1,
        ]
        private static let texts = [
            "", " ", "\n", "0", "1", "-1", "00", "+1", "1e3", "0x10", "nan", "inf", "9007199254740992",
            "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "18446744073709551615", "99999999999999999999999", "1 2", "1 2 3", "e 1 2", "e 9223372036854775807 1",
            "e 1 9223372036854775807 -", "granted", "waiting", "quarantine", "name", "max_users", "history_size",
            "epoch", "seq", "b\nann", "b\n", "\nann", "b\na/b", "1\nn\nd\n\n9223372036854775807",
            "node=x\nconnections=9223372036854775807", "5 6 node=x", "9223372036854775807 1 x", "\u{0}", "e1-0",
            "1-0", "9223372036854775807-0", "18446744073709551615-18446744073709551615",
        ]

        mutating func number() -> Int {
            Bool.random(using: &random)
                ? Self.numbers.randomElement(using: &random)! : Int.random(in: -9...9, using: &random)
        }

        mutating func text() -> [UInt8] {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                return (0..<Int.random(in: 0..<12, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next())
                }
            case 1: return Array(String(number()).utf8)
            case 2: return Array(Self.texts.randomElement(using: &random)!.utf8) + [0x0A] + text()
            default: return Array(Self.texts.randomElement(using: &random)!.utf8)
            }
        }

        mutating func reply(depth: Int = 0) -> StoreReply {
            switch Int.random(in: 0..<(depth < 3 ? 9 : 5), using: &random) {
            case 0: return .null
            case 1: return .integer(number())
            case 2: return .status("OK")
            case 3, 4: return .bytes(text())
            default: return .array((0..<Int.random(in: 0..<8, using: &random)).map { _ in reply(depth: depth + 1) })
            }
        }

        /// The reply with one part of it replaced, or left out, or twice there.
        mutating func changed(_ reply: StoreReply) -> StoreReply {
            guard case .array(var parts) = reply, !parts.isEmpty, Int.random(in: 0..<8, using: &random) > 0 else {
                return self.reply()
            }
            let index = Int.random(in: parts.indices, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: parts.remove(at: index)
            case 1: parts.insert(parts[index], at: index)
            default: parts[index] = changed(parts[index])
            }
            return .array(parts)
        }
    }

    private static func bytes(_ text: String) -> StoreReply { .bytes(Array(text.utf8)) }

    /// A good reply for each decoder, to begin with.
    private static let good: [StoreReply] = [
        .array([bytes("e"), .integer(7), .integer(0), bytes("d 2"), .integer(6), .integer(-7), bytes("e 3 1000 -")]),
        .array([.array([bytes("5-0"), .array([bytes("m"), bytes("body"), bytes("unstored"), bytes("3")])])]),
        .array([
            bytes("e"), bytes("tail"),
            .array([.array([bytes("5-0"), .array([bytes("m"), bytes("body"), bytes("was"), bytes("d 3")])])]),
        ]),
        .array([bytes("0"), .array([bytes("b\nann"), bytes("1\nn\nphone\n\n7")])]),
        .array([.integer(1_000), .integer(900), bytes("b"), bytes("990 800 format=1\nnode=n\nstate=up")]),
        .array([bytes("0"), .integer(2), bytes("b")]),
        .array([
            bytes("1000"), .array([bytes("max_users"), bytes("5"), bytes("history_size"), bytes("7")]), .array([]),
        ]),
        .array([
            bytes("e"), bytes("7"), bytes("1000"), .array([bytes("history_size"), bytes("-1")]), .integer(1),
            .integer(2),
        ]),
        .array([bytes("s"), .integer(1), .integer(5), .integer(1_000)]),
        .array([bytes("phone"), bytes("d 2 e 3"), bytes(""), bytes("e 3")]),
        .array([bytes("granted"), .integer(5), .integer(6)]),
        .array([bytes("waiting"), .integer(5), .integer(1)]),
        .array([bytes("a"), bytes("b")]),
    ]

    @Test("no reply ends a node, and no number from it is beyond its range", arguments: 1...8 as ClosedRange<UInt64>)
    func replies(seed: UInt64) {
        var hostile = Hostile(random: SplitMix64(seed: seed))
        for step in 0..<20_000 {
            var reply = Self.good[step % Self.good.count]
            for _ in 0...Int.random(in: 0..<3, using: &hostile.random) { reply = hostile.changed(reply) }
            check(reply, "seed \(seed), step \(step): \(reply)")
        }
    }

    private func check(_ reply: StoreReply, _ place: @autoclosure () -> String) {
        func expect(_ isGood: Bool) { if !isGood { Issue.record("\(place())") } }
        func isIn(_ number: Int) -> Bool { (0...Self.edge).contains(number) }
        if let answer = LogCommit.answer(reply) {
            expect(answer.newestSeq <= Self.edge && isGood(answer.lineage.forks))
            for case .known(let position, let time, _) in answer.results {
                expect(position.seq <= Self.edge && isIn(time))
            }
            for case .committed(let seq, _, _) in answer.results { expect(1...UInt64(Self.edge) ~= seq) }
        }
        for entry in LogCommit.entries(reply) ?? [] { expect(entry.seq <= Self.edge && isGood(entry.was)) }
        for entry in RoomPresence.page(reply)?.entries ?? [] { expect(!entry.record.isEmpty) }
        if let answer = Beat.answer(reply) {
            expect(isIn(answer.time) && isIn(answer.knownSince))
            for other in answer.others {
                expect(isIn(other.time))
                if let record = other.record { expect(isIn(record.startedAt) && isIn(record.connections)) }
            }
        }
        if let answer = Sweep.answer(reply) { expect(isIn(answer.removed)) }
        _ = Sweep.page(reply)
        if let facts = RoomFacts(reply) {
            expect(isIn(facts.createdAt) && facts.marks.allSatisfy { $0.seq <= Self.edge })
            expect(isGood(facts.settings))
        }
        if let info = RoomInfo(reply) {
            expect(isIn(info.createdAt) && info.seq <= Self.edge)
            expect(info.counts.map { isIn($0.users) && isIn($0.connections) } ?? true)
            expect(isGood(info.settings))
        }
        if let session = UserSession(reply) { expect(isIn(session.messageCount) && isIn(session.lastActiveAt ?? 0)) }
        if let cursors = InboxCursors(reply) {
            for cursor in cursors.devices.map(\.cursor) + [cursors.acked] { expect(isGood(cursor.positions)) }
        }
        if let range = LogRange.answer(reply) { expect(range.entries.allSatisfy { $0.seq <= Self.edge }) }
        _ = RoomIndex.rooms(reply)
        _ = DeletedHistories.names("e", in: reply)
        switch LockAnswer(reply) {
        case .granted(let token, let generation): expect(token <= Self.edge && generation <= Self.edge)
        case .waiting(let span, _), .quarantine(let span, _): expect((-1...Self.edge).contains(span))
        case .full, .evicting, .renewed, .changed, .lost, nil: break
        }
    }

    private func isGood(_ positions: [Position]) -> Bool { positions.allSatisfy { $0.seq <= Self.edge } }

    private func isGood(_ settings: RoomFacts.Settings?) -> Bool {
        (0...1_000_000).contains(settings?.historySize ?? 0) && (1...10_000_000).contains(settings?.usersMax ?? 1)
    }

    @Test("no publication ends a node, and none is taken for another kind", arguments: 1...8 as ClosedRange<UInt64>)
    func publications(seed: UInt64) {
        var hostile = Hostile(random: SplitMix64(seed: seed))
        let good = ["=2\ne\nn\n7\n4 d 3\nbody\n-1\nx", "@1\nb\nann\n1\nn\nphone\n\n7", "~1\nread\nb\nann\n7"].map {
            Array($0.utf8)
        }
        for step in 0..<20_000 {
            var payload = good[step % 3]
            for _ in 0...Int.random(in: 0..<4, using: &hostile.random) {
                let start = Int.random(in: 0...payload.count, using: &hostile.random)
                let end = Int.random(in: start...min(start + 4, payload.count), using: &hostile.random)
                payload.replaceSubrange(start..<end, with: Bool.random(using: &hostile.random) ? hostile.text() : [])
            }
            if case .entries(let publication) = ChannelMessage(payload) {
                #expect(publication.entries.allSatisfy { $0.seq <= Self.edge + 20_000 }, "seed \(seed), step \(step)")
            }
        }
    }

    @Test("no name ends a hash tag or has another's keys")
    func keys() {
        let names = ["a", "a}", "a}:id:b", "{a}", "%7D", "}", "a%7D", "b}:members", "%"].map(
            Identifier.init(unchecked:))
        var all: [[UInt8]: String] = [:]
        for name in names {
            for (kind, keys) in [("room", LogKeys(room: name)), ("user", LogKeys(user: name))] {
                var mine = [
                    keys.place, keys.entries, keys.members, keys.settings, keys.marks, keys.session, keys.cursors,
                ]
                mine.append(keys.push)
                for user in names {
                    for id in ["x", "y}:id:z", "place"] { mine.append(keys.id(user: user, id: Array(id.utf8))) }
                }
                for key in mine {
                    #expect(all.updateValue("\(kind) \(name)", forKey: key) == nil, "\(name)")
                    let tag = key.drop { $0 != UInt8(ascii: "{") }.prefix { $0 != UInt8(ascii: "}") }
                    #expect(
                        Array(tag) + Array("}".utf8) == Array(keys.channel.drop { $0 != UInt8(ascii: "{") }), "\(name)")
                }
            }
        }
    }

    @Test("scripts live with what others have left in the keys that they read", arguments: [1, 2, 3] as [UInt64])
    func scripts(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        var hostile = Hostile(random: SplitMix64(seed: seed))
        let ann = Identifier(unchecked: "ann")
        let keys = LogKeys(room: Identifier(unchecked: "r"))
        for step in 0..<400 {
            let fields = [
                "epoch", "seq", "unstored", "lineage", "created", "deleted", "id", "count", "last", "phone", "b\nann",
                "x",
            ]
            for key in [keys.place, keys.members, keys.session, keys.cursors, keys.settings, Beat.nodesKey] {
                let field = fields.randomElement(using: &hostile.random)!
                // A seq that can be one, and is below the entries', is the fork's business.
                let value = field == "seq" ? Array("-1x".utf8) + hostile.text() : hostile.text()
                _ = redis.perform(.hashSet(key: key, pairs: [StorePair(Array(field.utf8), value)]))
            }
            let terms = LogCommit.Terms(
                epoch: "e", newestSeq: 3, name: "f\(step)", dedupeMilliseconds: 60_000, entriesMax: 100,
                keptMilliseconds: 60_000)
            let message = LogCommit.Message(idKey: keys.id(user: ann, id: Array("\(step)".utf8)), time: 1, body: [0x61])
            let nodes = Sweep.Nodes(gone: ["b"], living: ["c"])
            let news = UserSession.News(messages: 1, lastActiveAgo: 1, newID: "s")
            for operation in [
                LogCommit.operation(keys, terms, [message]), RoomInfo.operation(keys), RoomFacts.operation(keys, at: 1),
                UserSession.operation(keys, news, ttl: 1_000),
                InboxCursors.operation(
                    keys, [(Identifier(unchecked: "phone"), InboxCursor([Position(epoch: "e", seq: 2)]))],
                    beginning: (Identifier(unchecked: "desk"), InboxCursor()), devicesMax: 2, kept: 1_000),
                LogRange.operation(keys, after: 1),
                ReadMark.operation(keys, boot: "b", user: ann, seq: 2, marksMax: 2, kept: 1_000),
                Sweep.operation(keys.members, nodes, Sweep.Spans(sessionTTL: 1_000, nodeExpiry: 1_000)),
                Beat.operation(boot: "b", record: nil, isPublished: false, expiryMilliseconds: 1_000),
                RoomPresence.page(keys, from: RoomPresence.start),
            ] {
                let result = try #require(redis.perform(operation))
                guard case .script(let script, _, _) = operation, case .failure(let fault) = result else { continue }
                Issue.record("seed \(seed), step \(step): \(script.name) \(fault)")
            }
        }
    }
}
