import Foundations
import TestSupport
import Testing

@testable import ControlPlane

@Suite("What the store keeps of users")
struct UserScriptTests {
    private let keys = LogKeys(user: Identifier(unchecked: "ann"))
    private let ann = Identifier(unchecked: "ann")
    private let phone = Identifier(unchecked: "phone")

    private func run(_ store: MemoryStore, _ operation: StoreOperation) -> StoreReply {
        var reply = StoreReply.null
        store.perform(operation) { reply = (try? $0.get()) ?? .null }
        return reply
    }

    private func session(_ store: MemoryStore, _ id: String, messages: Int = 0, at now: Int) -> UserSession? {
        let news = UserSession.News(messages: messages, lastActiveAt: now, newID: id)
        return UserSession(run(store, UserSession.operation(keys, news, at: now, ttl: 1000)))
    }

    @Test("a session goes on while somebody is connected, and for its time after that")
    func sessions() {
        let store = MemoryStore(runID: "0") { 0 }
        let first = session(store, "s1", at: 100)
        #expect(first == UserSession(.array([.bytes(Array("s1".utf8)), .integer(0), .integer(0), .integer(0)])))
        let second = session(store, "s2", messages: 3, at: 1100)
        #expect(second?.id == "s1" && second?.isResumed == true && second?.messageCount == 3)
        #expect(second?.lastActiveAt == 100)
        #expect(session(store, "s3", at: 2101)?.isResumed == false)
        _ = run(store, RoomPresence.operation(keys, boot: "b", user: ann, record: Array("n\nphone\n\n1".utf8)))
        let later = session(store, "s4", messages: 1, at: 50_000)
        #expect(later?.id == "s3" && later?.messageCount == 1 && later?.lastActiveAt == 2101)
    }

    @Test("a cursor only rises, not above the newest entry, and not in another epoch")
    func cursors() {
        let store = MemoryStore(runID: "0") { 0 }
        let terms = LogCommit.Terms(
            epoch: "", newestSeq: 0, newEpoch: "e", dedupeMilliseconds: 1, entriesMax: 9, keptMilliseconds: 60_000)
        for text in ["a", "b", "c"] {
            let message = LogCommit.Message(
                idKey: keys.id(user: ann, id: Array(text.utf8)), time: 1, body: Array(text.utf8))
            _ = run(store, LogCommit.operation(keys, terms, [message]))
        }
        func acknowledge(_ seq: UInt64, _ epoch: String = "e", by device: String = "phone") -> StoreReply {
            run(
                store,
                InboxCursor.operation(
                    keys, Position(epoch: epoch, seq: seq), device: Identifier(unchecked: device), devicesMax: 2,
                    kept: 60_000))
        }
        #expect(acknowledge(2) == .integer(1) && acknowledge(2) == .integer(0) && acknowledge(1) == .integer(0))
        #expect(acknowledge(3, "other") == .integer(0) && acknowledge(9) == .integer(1))
        #expect(acknowledge(1, by: "tv") == .integer(1) && acknowledge(2, by: "web") == .integer(1))
        let known = InboxCursor.cursors(run(store, InboxCursor.all(keys))) ?? []
        #expect(Dictionary(uniqueKeysWithValues: known.map { ($0.device.text, $0.seq) }) == ["phone": 3, "web": 2])
        #expect(session(store, "s", at: 1)?.cursors.count == 2)
    }

    @Test("a burst is one node's, until none came for its time, or it was ended")
    func claims() {
        var now = 0
        let store = MemoryStore(runID: "0") { now * 1000 }
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
        let memory = MemoryStore(runID: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        let terms = LogCommit.Terms(
            epoch: "", newestSeq: 0, newEpoch: "e", dedupeMilliseconds: 1_000_000, entriesMax: 9,
            keptMilliseconds: 1_000_000)
        for step in 0..<300 {
            let operation: StoreOperation
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                let news = UserSession.News(
                    messages: Int.random(in: 0..<3, using: &random), lastActiveAt: step * 100_000, newID: "s\(step)")
                operation = UserSession.operation(
                    keys, news, at: step * 100_000, ttl: Int.random(in: 100_000..<1_000_000, using: &random))
            case 2:
                let record = Bool.random(using: &random) ? Array("n\nd\n\n1".utf8) : []
                operation = RoomPresence.operation(keys, boot: "b", user: ann, record: record)
            case 4:
                operation = step.isMultiple(of: 3) ? PushClaim.end(keys) : PushClaim.operation(keys, boot: "b\(step)")
            case 3:
                let message = LogCommit.Message(
                    idKey: keys.id(user: ann, id: Array("\(step)".utf8)), time: 1, body: [1])
                operation = LogCommit.operation(keys, terms, [message])
            default:
                let device = Identifier(unchecked: "d\(Int.random(in: 0..<6, using: &random))")
                let epoch = step % 9 == 0 ? "other" : "e"
                operation = InboxCursor.operation(
                    keys, Position(epoch: epoch, seq: UInt64.random(in: 0..<60, using: &random)), device: device,
                    devicesMax: 3, kept: 1_000_000)
            }
            var ours = StoreResult.failure(.uncertain)
            memory.perform(operation) { ours = $0 }
            let theirs = try #require(redis.perform(operation))
            #expect(readable(theirs) == readable(ours), "seed \(seed), step \(step)")
        }
    }

    /// Cursors come in no order.
    private func readable(_ result: StoreResult) -> String {
        guard case .success(.array(let parts)) = result, parts.count > 4 else { return "\(result)" }
        let cursors = stride(from: 4, to: parts.count - 1, by: 2).map { "\(parts[$0]) \(parts[$0 + 1])" }
        return "\(parts.prefix(4)) \(cursors.sorted())"
    }
}
