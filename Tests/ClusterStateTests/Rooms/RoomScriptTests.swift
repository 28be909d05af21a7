import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("What the store keeps of rooms besides their messages")
struct RoomScriptTests {
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let ann = Identifier(unchecked: "ann")
    private let terms = LogCommit.Terms(
        epoch: "", newestSeq: 0, name: "e1", dedupeMilliseconds: 60_000, entriesMax: 100, keptMilliseconds: 60_000)

    private func run(_ store: MemoryStore, _ operation: StoreOperation) -> StoreReply {
        var reply = StoreReply.null
        store.perform(operation) { reply = (try? $0.get()) ?? .null }
        return reply
    }

    private func commit(_ text: String) -> [LogCommit.Message] {
        [.init(idKey: keys.id(user: ann, id: Array(text.utf8)), time: 1, body: Array(text.utf8))]
    }

    @Test("a room is made once, described, deleted, and made again")
    func life() {
        let store = MemoryStore(boot: "0") { 0 }
        var notices: [ClusterNotice] = []
        store.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice, let heard = ClusterNotice(payload) { notices.append(heard) }
        }
        #expect(RoomInfo(run(store, RoomInfo.operation(keys))) == nil)
        let settings = RoomFacts.Settings(name: "Name", usersMax: nil, historySize: 7)
        let making = RoomFacts.setting(keys, settings, boot: "b", at: 5, isNew: true)
        #expect(run(store, making) == .integer(1) && run(store, making) == .integer(0))
        _ = run(store, LogCommit.operation(keys, terms, commit("a")))
        let record = Array("1\nn\nd1\n\n1\nd2\n\n2".utf8)
        for boot in ["b1", "b2"] {
            _ = run(store, RoomPresence.operation(keys, boot: boot, user: ann, record: record))
        }
        let info = RoomInfo(run(store, RoomInfo.operation(keys)))
        #expect(info?.epoch == "e1" && info?.seq == 1 && info?.createdAt == 5 && info?.settings == settings)
        #expect(info?.counts == RoomInfo.Counts(users: 1, connections: 4))
        // Two entries, at n and n + 1; and one of a node that is gone.
        for (most, gone, counts) in [
            (2, [], RoomInfo.Counts(users: 1, connections: 4)), (1, [], nil),
            (2, ["b2"], RoomInfo.Counts(users: 1, connections: 2)),
        ] as [(Int, [String], RoomInfo.Counts?)] {
            let info = RoomInfo(run(store, RoomInfo.operation(keys, countedMax: most, gone: gone)))
            #expect(info?.seq == 1 && info?.counts == counts, "\(most)")
        }
        let deletion = RoomDeletion.operation(keys, boot: "b", newEpoch: "e2", kept: 60_000)
        #expect(run(store, deletion) == .bytes(Array("e1".utf8)))
        #expect(run(store, deletion) == .null && RoomInfo(run(store, RoomInfo.operation(keys))) == nil)
        #expect(DeletedHistories.names("e1", in: run(store, DeletedHistories.question(keys))))
        #expect(notices == [.init(.settings, boot: "b"), .init(.deleted, boot: "b", ["e1"])])
        let late = LogCommit.Terms(
            epoch: "e1", newestSeq: 1, name: "e3", dedupeMilliseconds: 1, entriesMax: 1, keptMilliseconds: 60_000)
        let answer = LogCommit.answer(run(store, LogCommit.operation(keys, late, commit("late"))))
        let empty = LogCommit.Outcome(epoch: "e2", newestSeq: 0, unstoredFrom: nil, lineage: Lineage(), results: [])
        #expect(answer == empty)
        let facts = RoomFacts(run(store, RoomFacts.operation(keys, at: 9)))
        #expect(facts == RoomFacts(run(store, RoomFacts.operation(keys, at: 10))))
        #expect(facts?.createdAt == 9 && facts?.settings == nil && facts?.marks.isEmpty == true)
        #expect(RoomInfo(run(store, RoomInfo.operation(keys)))?.epoch == "e2")
    }

    @Test("a read mark only rises, not above the newest message, and the lowest goes when there are too many")
    func marks() {
        let store = MemoryStore(boot: "0") { 0 }
        for text in ["a", "b", "c"] { _ = run(store, LogCommit.operation(keys, terms, commit(text))) }
        func mark(_ user: String, _ seq: UInt64) -> StoreReply {
            run(
                store,
                ReadMark.operation(
                    keys, boot: "b", user: Identifier(unchecked: user), seq: seq, marksMax: 2, kept: 60_000))
        }
        #expect(mark("ann", 2) == .integer(1) && mark("ann", 2) == .integer(0) && mark("ann", 9) == .integer(1))
        #expect(mark("bob", 1) == .integer(1) && mark("carol", 2) == .integer(1))
        let facts = RoomFacts(run(store, RoomFacts.operation(keys, at: 1)))
        #expect(facts?.marks.map(\.user.text) == ["carol", "ann"] && facts?.marks.map(\.seq) == [2, 3])
    }

    @Test("rooms are listed by id, page by page")
    func index() {
        let store = MemoryStore(boot: "0") { 0 }
        let rooms = ["b", "a", "d", "c"].map { Identifier(unchecked: $0) }
        _ = run(store, RoomIndex.adding(rooms))
        _ = run(store, RoomIndex.removing([rooms[3]]))
        let first = RoomIndex.rooms(run(store, RoomIndex.page(after: nil, limit: 2)))
        let rest = RoomIndex.rooms(run(store, RoomIndex.page(after: first?.last, limit: 2)))
        #expect(first?.map(\.text) == ["a", "b"] && rest?.map(\.text) == ["d"])
    }

    @Test("the Lua and its twins give the same", arguments: [1, 2, 3] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        var epoch = ""
        for step in 0..<400 {
            let user = Identifier(unchecked: "u\(Int.random(in: 0..<5, using: &random))")
            let operation: StoreOperation
            switch Int.random(in: 0..<14, using: &random) {
            case 0: operation = RoomDeletion.operation(keys, boot: "b", newEpoch: "d\(step)", kept: 1_000_000)
            case 1, 2:
                let settings = RoomFacts.Settings(
                    name: Bool.random(using: &random) ? "n\(step)" : nil, usersMax: step % 3 == 0 ? step : nil,
                    historySize: step % 5 == 0 ? step : nil)
                operation = RoomFacts.setting(
                    keys, settings, boot: "b", at: step, isNew: Bool.random(using: &random))
            case 3: operation = RoomFacts.operation(keys, at: step)
            case 4, 5:
                operation = RoomInfo.operation(
                    keys, countedMax: step % 6, gone: Bool.random(using: &random) ? ["b0"] : [])
            case 6, 7:
                let record = Bool.random(using: &random) ? Array("1\nn\nd\n\n\(step)".utf8) : []
                operation = RoomPresence.operation(keys, boot: "b\(step % 2)", user: user, record: record)
            case 8, 9, 10:
                operation = ReadMark.operation(
                    keys, boot: "b", user: user, seq: UInt64.random(in: 0..<40, using: &random), marksMax: 3,
                    kept: 1_000_000)
            default:
                let terms = LogCommit.Terms(
                    epoch: epoch, newestSeq: 0, name: "c\(step)", dedupeMilliseconds: 1_000_000, entriesMax: 50,
                    keptMilliseconds: 1_000_000)
                operation = LogCommit.operation(keys, terms, commit("m\(step)"))
            }
            var ours = StoreResult.failure(.uncertain)
            memory.perform(operation) { ours = $0 }
            let theirs = try #require(redis.perform(operation))
            #expect(sorted(theirs) == sorted(ours), "seed \(seed), step \(step)")
            // Now and then the writer is one who did not hear of a deletion.
            if case .success(let reply) = ours, let answer = LogCommit.answer(reply), step % 4 != 0 {
                epoch = answer.epoch
            }
        }
    }

    /// Hashes come in no order.
    private func sorted(_ result: StoreResult) -> StoreResult {
        result.map { reply in
            guard case .array(let parts) = reply else { return reply }
            return .array(
                parts.map { part in
                    guard case .array(let inner) = part, inner.count.isMultiple(of: 2) else { return part }
                    let pairs = stride(from: 0, to: inner.count, by: 2).map { [inner[$0], inner[$0 + 1]] }
                    return .array(pairs.sorted { "\($0)" < "\($1)" }.flatMap { $0 })
                })
        }
    }
}
