import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("What the store keeps of users")
struct UserScriptTests {
    private let keys = LogKeys(user: Identifier(unchecked: "ann"))
    private let ann = Identifier(unchecked: "ann")
    private let phone = Identifier(unchecked: "phone")

    private func emptyStore() -> MemoryStore { MemoryStore(boot: "0") { 0 } }

    private func run(_ store: MemoryStore, _ operation: StoreOperation) -> StoreReply {
        var reply = StoreReply.null
        store.perform(operation) { reply = (try? $0.get()) ?? .null }
        return reply
    }

    private func session(_ store: MemoryStore, _ id: String, messages: Int = 0, ago: Int = 0) -> UserSession? {
        let news = UserSession.News(messages: messages, lastActiveAgo: ago, newID: id)
        return UserSession(run(store, UserSession.operation(keys, news, ttl: 1000)))
    }

    @Test("a session goes on while somebody is connected, and for its time after that")
    func sessions() {
        var now = 200
        let store = MemoryStore(boot: "0") { now * 1000 }
        let first = session(store, "s1", ago: 100)
        #expect(first == UserSession(.array([.bytes(Array("s1".utf8)), .integer(0), .integer(0), .integer(0)])))
        now = 1100
        let second = session(store, "s2", messages: 3)
        #expect(second?.id == "s1" && second?.isResumed == true && second?.messageCount == 3)
        #expect(second?.lastActiveAt == 100)
        now = 2101
        #expect(session(store, "s3")?.isResumed == false)
        _ = run(store, RoomPresence.operation(keys, boot: "b", user: ann, record: Array("1\nn\nphone\n\n1".utf8)))
        now = 3000
        let later = session(store, "s4", messages: 1)
        #expect(later?.id == "s3" && later?.messageCount == 1 && later?.lastActiveAt == 2101)
    }

    private func commit(_ text: String, to epoch: String, after seq: UInt64, forks: Bool = false) -> StoreOperation {
        let terms = LogCommit.Terms(
            epoch: epoch, newestSeq: seq, name: forks ? "e2" : "e", dedupeMilliseconds: 1_000_000, entriesMax: 9,
            keptMilliseconds: 1_000_000, forks: forks)
        let message = LogCommit.Message(
            idKey: keys.id(user: ann, id: Array(text.utf8)), time: 1, body: Array(text.utf8))
        return LogCommit.operation(keys, terms, [message])
    }

    private func note(
        _ positions: [(String, UInt64)], by device: String?, beginning: String? = nil, at: [(String, UInt64)] = [],
        devicesMax: Int = 2
    ) -> StoreOperation {
        let came = InboxCursor(at.map { Position(epoch: $0.0, seq: $0.1) })
        let cursor = InboxCursor(positions.map { Position(epoch: $0.0, seq: $0.1) })
        return InboxCursors.operation(
            keys, positions.isEmpty ? [] : [(device.map { Identifier(unchecked: $0) }, cursor)],
            beginning: beginning.map { (Identifier(unchecked: $0), came) }, devicesMax: devicesMax, kept: 1_000_000)
    }

    private func cursors(_ store: MemoryStore, _ operation: StoreOperation) -> [String: String] {
        guard let known = InboxCursors(run(store, operation)) else { return [:] }
        let all = known.devices.map { ($0.device.text, $0.cursor) } + [("", known.acked)]
        return Dictionary(uniqueKeysWithValues: all.map { ($0, String(decoding: $1.text, as: UTF8.self)) })
    }

    @Test("a cursor only rises, not above the newest entry, and not in a history that the inbox never had")
    func cursors() {
        let store = emptyStore()
        for text in ["a", "b", "c"] { _ = run(store, commit(text, to: "", after: 0)) }
        #expect(cursors(store, note([("e", 2)], by: "phone")) == ["": "e 2", "phone": "e 2"])
        #expect(cursors(store, note([("e", 1)], by: "phone")) == ["": "e 2", "phone": "e 2"])
        #expect(cursors(store, note([("other", 3)], by: "phone")) == ["": "e 2", "phone": "e 2"])
        #expect(cursors(store, note([("e", 9)], by: "phone")) == ["": "e 3", "phone": "e 3"])
        #expect(cursors(store, note([("e", 1)], by: "tv")) == ["": "e 3", "phone": "e 3", "tv": "e 1"])
        // The one that is furthest behind makes room; one that is not remembered takes none.
        #expect(cursors(store, note([("e", 2)], by: nil)) == ["": "e 3", "phone": "e 3", "tv": "e 1"])
        #expect(cursors(store, note([("e", 2)], by: "web")) == ["": "e 3", "phone": "e 3", "web": "e 2"])
    }

    @Test("a new device begins where any device has acked, else before the oldest entry, and keeps that")
    func beginnings() {
        let store = emptyStore()
        #expect(cursors(store, note([], by: nil, beginning: "early")) == ["": "", "early": ""])
        for number in 0..<12 { _ = run(store, commit("\(number)", to: "", after: 0)) }
        #expect(cursors(store, note([], by: nil, beginning: "phone"))["phone"] == "e 3")
        #expect(cursors(store, note([("e", 7)], by: "early"))["phone"] == "e 3")
        let last = cursors(store, note([], by: nil, beginning: "tv", devicesMax: 9))
        #expect(last == ["": "e 7", "early": "e 7", "phone": "e 3", "tv": "e 7"])
    }

    @Test("a new device that came earlier begins where others had acked then, in the inbox's histories alone")
    func earlierBeginnings() {
        let store = emptyStore()
        for text in ["a", "b", "c", "d"] { _ = run(store, commit(text, to: "", after: 0)) }
        _ = run(store, note([("e", 3)], by: "early"))
        let then: [(String, UInt64)] = [("other", 9), ("e", 2)]
        let first = cursors(store, note([], by: nil, beginning: "desk", at: then, devicesMax: 9))
        #expect(first == ["": "e 3", "early": "e 3", "desk": "e 2"])
        let others = cursors(store, note([], by: nil, beginning: "tv", at: [("other", 1)], devicesMax: 9))
        #expect(others["tv"] == "e 3")
        // Nobody's cursor moves by it, and nothing is beyond the end.
        #expect(cursors(store, note([], by: nil, beginning: "early", at: [("e", 1)], devicesMax: 9))["early"] == "e 3")
        #expect(cursors(store, note([], by: nil, beginning: "web", at: [("e", 9)], devicesMax: 9))["web"] == "e 4")
    }

    @Test("a cursor is kept over a fork, and adds what is processed of the new history")
    func forks() {
        let store = emptyStore()
        for text in ["a", "b"] { _ = run(store, commit(text, to: "", after: 0)) }
        _ = run(store, note([("e", 1)], by: "phone"))
        _ = run(store, commit("c", to: "e", after: 2, forks: true))
        let second = "e2~e:2"
        #expect(cursors(store, note([(second, 3)], by: "phone"))["phone"] == "e 1 \(second) 3")
        #expect(cursors(store, note([("e", 2)], by: "phone"))["phone"] == "e 2 \(second) 3")
    }

    @Test("a burst is one node's, until none came for its time, or it was ended")
    func claims() {
        var now = 0
        let store = MemoryStore(boot: "0") { now * 1000 }
        func isFirst(_ boot: String, at time: Int) -> Bool? {
            now = time
            return PushClaim.isFirst(run(store, PushClaim.operation(keys, boot: boot)))
        }
        #expect(isFirst("a", at: 0) == true && isFirst("b", at: 1) == false && isFirst("a", at: 59_999) == false)
        #expect(isFirst("b", at: 119_998) == false && isFirst("b", at: 179_999) == true)
        _ = run(store, PushClaim.end(keys))
        #expect(isFirst("a", at: 180_000) == true)
        #expect(PushClaim.isFirst(.null) == nil && PushClaim.isFirst(.integer(2)) == nil)
    }

    @Test("the Lua and its twins give the same", arguments: [1, 2] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        for step in 0..<300 {
            let operation: StoreOperation
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                let news = UserSession.News(
                    messages: Int.random(in: 0..<3, using: &random),
                    lastActiveAgo: [nil, 0, 500_000, 2_000_000].randomElement(using: &random)!, newID: "s\(step)")
                operation = UserSession.operation(keys, news, ttl: 1_000_000)
            case 2:
                let record = Bool.random(using: &random) ? Array("1\nn\nd\n\n1".utf8) : []
                operation = RoomPresence.operation(keys, boot: "b", user: ann, record: record)
            case 4:
                operation = step.isMultiple(of: 3) ? PushClaim.end(keys) : PushClaim.operation(keys, boot: "b\(step)")
            case 3:
                let isFork = step.isMultiple(of: 50)
                operation = commit("\(step)", to: isFork ? "e" : "", after: 0, forks: isFork)
            default:
                let device = "d\(Int.random(in: 0..<6, using: &random))"
                let positions = ["e", "e2", "other"].filter { _ in Bool.random(using: &random) }
                    .map { ($0, UInt64.random(in: 0..<60, using: &random)) }
                operation = note(
                    positions, by: step.isMultiple(of: 7) ? nil : device,
                    beginning: Bool.random(using: &random) ? device : nil,
                    at: Bool.random(using: &random) ? positions.reversed() : [], devicesMax: 3)
            }
            var ours = StoreResult.failure(.uncertain)
            memory.perform(operation) { ours = $0 }
            let theirs = try #require(redis.perform(operation))
            #expect(readable(theirs) == readable(ours), "seed \(seed), step \(step)")
        }
    }

    /// Cursors come in no order.
    private func readable(_ result: StoreResult) -> String {
        guard case .success(let reply) = result, case .array(let parts) = reply else { return "\(result)" }
        if parts.count == 4, case .integer(let last) = parts[3], case .integer = parts[1] {
            // The two clocks are not the same.
            return "\(parts.prefix(3)) \(last >= 1_000_000_000_000 ? "a time" : "\(last)")"
        }
        guard let known = InboxCursors(reply),
            parts.count == known.devices.count * 2 || parts.count == known.devices.count * 2 + 2
        else { return "\(result)" }
        return "\(known.acked) \(known.devices.map { "\($0)" }.sorted())"
    }
}
