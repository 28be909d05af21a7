import TestSupport
import Testing

@testable import ClusterState

@Suite("A node's sign of life")
struct BeatTests {
    private func record(_ boot: String, state: NodeRecord.State = .up, connections: Int = 3) -> NodeRecord {
        NodeRecord(
            node: "knoten=\(boot) ü", boot: boot, address: "10.0.0.1:8000", state: state, startedAt: 1_700_000_000_000,
            connections: connections, tier: "normal", lastSeenAt: 0)
    }

    private func beat(
        _ store: MemoryStore, _ boot: String, leaves: Bool = false, isPublished: Bool = false
    ) throws -> Beat.Answer {
        var answer: Beat.Answer?
        let operation = Beat.operation(
            boot: boot, record: leaves ? nil : record(boot), isPublished: isPublished, expiryMilliseconds: 9_000)
        store.perform(operation) { result in
            if case .success(let reply) = result { answer = Beat.answer(reply) }
        }
        return try #require(answer)
    }

    @Test("each node hears of all others, of those who left, and not of those who fell silent")
    func others() throws {
        var now = 1_700_000_000_000
        let store = MemoryStore(boot: "0") { now * 1000 }
        #expect(try beat(store, "a") == Beat.Answer(time: now, knownSince: now, others: []))
        let began = now
        now += 1_000
        let seen = Beat.Sighting(boot: "a", time: now - 1_000, record: record("a"))
        #expect(try beat(store, "b") == Beat.Answer(time: now, knownSince: now, others: [seen]))
        #expect(try beat(store, "a").knownSince == began)
        #expect(try beat(store, "a", leaves: true).others.map(\.boot) == ["b"])
        #expect(try beat(store, "b").others == [Beat.Sighting(boot: "a", time: now, record: nil)])
        // At the expiry it is still named, a millisecond later it is forgotten.
        now += 9_000
        #expect(try beat(store, "c").others.count == 2)
        now += 1
        #expect(try beat(store, "c").others == [])
        #expect(try beat(store, "b").knownSince == now)
        // A beat of a time to come is no better than an old one.
        now -= 9_001
        #expect(try beat(store, "d").others == [])
    }

    @Test("the key goes when nobody beats any more")
    func expiry() throws {
        var now = 1_700_000_000_000
        let store = MemoryStore(boot: "0") { now * 1000 }
        _ = try beat(store, "a")
        var left = 0
        store.perform(.timeToLive(key: Beat.nodesKey)) { result in
            if case .success(.integer(let milliseconds)) = result { left = milliseconds }
        }
        #expect(left == 90_000)
        now += 90_001
        #expect(try beat(store, "a").knownSince == now)
    }

    @Test("the others are asked to look only when they must")
    func publishing() throws {
        let store = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        var notices: [StoreNotice] = []
        store.subscribe(Beat.channel) { notices.append($0) }
        _ = try beat(store, "a")
        _ = try beat(store, "b", isPublished: true)
        #expect(notices == [.live, .message(Array("b".utf8))])
    }

    @Test("who beats again too late learns it, also when nobody else has looked meanwhile")
    func late() throws {
        var now = 1_700_000_000_000
        let store = MemoryStore(boot: "0") { now * 1000 }
        let began = now
        #expect(try beat(store, "a").knownSince == began)
        now += 9_000
        #expect(try beat(store, "a").knownSince == began)
        now += 9_001
        let again = now
        #expect(try beat(store, "a").knownSince == again)
        now += 1_000
        #expect(try beat(store, "a").knownSince == again)
    }

    @Test("a record is read as it was written; whoever beats is there, whatever the record says")
    func records() {
        for state in [NodeRecord.State.up, .suspect, .draining] {
            let whole = record("x", state: state)
            #expect(NodeRecord(whole.text, boot: "x") == whole)
            #expect(NodeRecord(whole.text + Array("\ncolour=red\nword".utf8), boot: "x") == whole)
        }
        let text = String(decoding: record("x").text, as: UTF8.self)
        for (part, other) in [
            ("state=up", "state=down"), ("started_at=1", "started_at=x1"), ("connections=3", "connections="),
            ("connections=3", "connections=\(Int.max)"), ("node=knoten", "node=a/b"), ("tier=", "tire="),
            ("address=", "="), ("format=1", "format=2"),
        ] {
            let changed = text.replacing(part, with: other)
            let read = NodeRecord(Array(changed.utf8), boot: "x")
            #expect(changed != text && read.boot == "x" && read.state == .up, "\(changed)")
        }
        let next = NodeRecord(Array("format=2\nnode=n2\nmood={\"a\":1}\nstate=dreaming".utf8), boot: "x")
        #expect(next.node == "n2" && next.state == .up && next.connections == 0)
        #expect(NodeRecord([0xFF, 0x0A, 0x3D], boot: "x").node == "x")
    }

    @Test("an answer that the script does not give is none")
    func malformed() {
        for reply in [
            StoreReply.null, .integer(1), .array([]), .array([.integer(1)]), .array([.integer(1), .bytes([])]),
            .array([.integer(1), .integer(1), .bytes([])]), .array([.integer(1), .integer(1), .null, .null]),
        ] {
            #expect(Beat.answer(reply) == nil, "\(reply)")
        }
        // Without a time at its beginning a value is no sign of life; with one it is, whatever follows.
        for (value, isThere) in [
            ("", false), (" x", false), ("x y", false), ("99999999999999999999 1 x", false), ("5", true),
            ("5 node=a", true), ("5 6 node=a", true), ("5 6 \u{1}future", true),
        ] {
            let reply = StoreReply.array([.integer(9), .integer(0), .bytes([0x62]), .bytes(Array(value.utf8))])
            #expect(Beat.answer(reply)?.others.count == (isThere ? 1 : 0), "\(value)")
        }
    }

    /// The two clocks are not the same, so what depends on the time in the answers is compared by its sign alone.
    @Test("the Lua and its twin give the same, whoever beats", arguments: 1...3 as ClosedRange<UInt64>)
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        var clock = 0
        let memory = MemoryStore(boot: "0") { clock }
        var random = SplitMix64(seed: seed)
        let hour = 3_600_000
        for step in 0..<300 {
            guard case .success(.array(let time)) = try #require(redis.perform(.time)), case .bytes(let text) = time[0]
            else { throw Unexpected.reply }
            clock = try #require(Int(String(decoding: text, as: UTF8.self))) * 1_000_000
            let boot = "b\(Int.random(in: 0..<8, using: &random))"
            let operation: StoreOperation
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                operation = Beat.operation(boot: boot, record: nil, isPublished: true, expiryMilliseconds: hour)
            case 1...3:
                // A beat of long ago, of hours to come, or none that can be read.
                let time = clock / 1000 + [-2 * hour, 2 * hour, -hour / 2].randomElement(using: &random)!
                let value =
                    Bool.random(using: &random) ? "\(time) \(time - 5) node=x" : "\(time / 1_000_000_000_000_000)x"
                operation = .hashSet(
                    key: Beat.nodesKey, pairs: [StorePair(Array(boot.utf8), Array(value.utf8))])
            case 4 where step % 7 == 0: operation = .delete(keys: [Beat.nodesKey])
            default:
                operation = Beat.operation(
                    boot: boot, record: record(boot, connections: step), isPublished: false, expiryMilliseconds: hour)
            }
            for operation in [operation, .hashGetAll(key: Beat.nodesKey)] {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                let theirs = try #require(redis.perform(operation))
                #expect(timeless(ours) == timeless(theirs), "seed \(seed), step \(step)")
            }
            try expectSameExpiry(memory, redis, hour: hour)
        }
    }

    private enum Unexpected: Error { case reply }

    private func expectSameExpiry(_ memory: MemoryStore, _ redis: RedisDialogue, hour: Int) throws {
        var ours = StoreResult.failure(.uncertain)
        memory.perform(.timeToLive(key: Beat.nodesKey)) { ours = $0 }
        guard case .success(.integer(let left)) = ours,
            case .success(.integer(let theirs)) = try #require(redis.perform(.timeToLive(key: Beat.nodesKey)))
        else { throw Unexpected.reply }
        #expect(abs(left - theirs) < hour, "\(left) and \(theirs)")
    }

    /// An answer's pairs in order, its time and the times of beats as "some hours from now" or so.
    private func timeless(_ result: StoreResult) -> [String] {
        guard case .success(.array(let parts)) = result else { return ["\(result)"] }
        return parts.map { part in
            switch part {
            case .integer(let number): return number > 1 ? "time" : "\(number)"
            case .bytes(let bytes):
                let words = String(decoding: bytes, as: UTF8.self).split(
                    separator: " ", omittingEmptySubsequences: false)
                return words.enumerated().map { $0 < 2 && Int($1) != nil ? "time" : String($1) }.joined(separator: " ")
            default: return "\(part)"
            }
        }.sorted()
    }
}
