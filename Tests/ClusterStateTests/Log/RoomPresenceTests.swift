import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("Who is in a room, as the store has it")
struct RoomPresenceTests {
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let ann = Identifier(unchecked: "ann")

    @Test("what is new is published and read; what changes nothing is not")
    func publishing() {
        let memory = MemoryStore(boot: "0") { 0 }
        var published: [RoomPresence.Change?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(RoomPresence.publication(payload)) }
        }
        let here = RoomPresence.Change(boot: "b", user: ann, record: Array("1\nn\nphone\n\n7".utf8))
        let gone = RoomPresence.Change(boot: "b", user: ann, record: [])
        for change in [here, gone, gone] {
            memory.perform(
                RoomPresence.operation(keys, boot: change.boot, user: change.user, record: change.record)
            ) { _ in }
            var read: RoomPresence.Page?
            memory.perform(RoomPresence.page(keys, from: RoomPresence.start)) { result in
                read = (try? result.get()).flatMap(RoomPresence.page)
            }
            #expect(read == RoomPresence.Page(entries: change == here ? [here] : [], next: nil))
        }
        #expect(published == [here, gone])
    }

    @Test("a publication of messages is none of presence, and the other way round")
    func publications() {
        for text in ["", "@", "@1\n", "@1\nb", "@1\nb\nann", "=2\ne1\nn\n1\n1\na", "@1\nb\na/b\nx", "@2\nb\nann\nx"] {
            #expect(RoomPresence.publication(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(LogCommit.publication(Array("@1\nb\nann\nn".utf8)) == nil)
        // What nobody here can read is not passed over.
        for text in ["", "@2\nb\nann\nx", "=2\ne1\n1\n1\na", "~1\nnews\nb", "~9\nread\nb", "e1\n1\n1\na", "\u{0}"] {
            #expect(ChannelMessage(Array(text.utf8)) == .unknown, "\(text)")
        }
        #expect(ChannelMessage(ClusterNotice(.typing, boot: "b", ["ann", "1"]).payload) != .unknown)
    }

    @Test("a room of very many is read in parts, with all who are in")
    func parts() throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        for start in stride(from: 0, to: 6_000, by: 500) {
            let pairs = (start..<(start + 500)).map { StorePair(Array("b\nu\($0)".utf8), Array("1\nn".utf8)) }
            _ = redis.perform(.hashSet(key: keys.members, pairs: pairs))
        }
        var (cursor, users, largest) = (RoomPresence.start, Set<Identifier>(), 0)
        while true {
            let result = redis.perform(RoomPresence.page(keys, from: cursor))
            let page = try #require(try result?.get()).flatMap(RoomPresence.page)
            let entries = try #require(page).entries
            largest = max(largest, entries.count)
            users.formUnion(entries.map(\.user))
            guard let next = page?.next else { break }
            cursor = next
        }
        #expect(users.count == 6_000 && largest < 1_500)

    }

    @Test("one alone of all nodes learns that it brought a room's or a user's first, or took the last")
    func verdicts() {
        let memory = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        func change(_ boot: String, _ user: Identifier, isIn: Bool, _ others: [String]) -> PresenceVerdict? {
            var verdict: PresenceVerdict?
            let operation = RoomPresence.operation(
                keys, boot: boot, user: user, record: isIn ? Array("1\nn".utf8) : [],
                asking: .inRoom(others: others))
            memory.perform(operation) { verdict = (try? $0.get()).flatMap(PresenceVerdict.init) }
            return verdict
        }
        let (a, b) = (["b"], ["a"])
        let bob = Identifier(unchecked: "bob")
        #expect(change("a", ann, isIn: true, a) == [.changed, .alone, .empty])
        #expect(change("b", ann, isIn: true, b) == [.changed])
        #expect(change("b", ann, isIn: true, b) == [])
        #expect(change("b", bob, isIn: true, b) == [.changed, .alone])
        #expect(change("a", ann, isIn: false, a) == [.changed])
        #expect(change("a", ann, isIn: false, a) == [])
        #expect(change("b", ann, isIn: false, b) == [.changed, .alone])
        #expect(change("b", bob, isIn: false, b) == [.changed, .alone, .empty])
        #expect(change("b", bob, isIn: false, b) == [.alone, .empty])
    }

    @Test("the Lua and its twin give the same", arguments: [1, 2] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = MemoryStore(boot: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        for step in 0..<300 {
            let user = Identifier(unchecked: "u\(Int.random(in: 0..<4, using: &random))")
            let record = Bool.random(using: &random) ? Array("n\(step)".utf8) : []
            let questions: [RoomPresence.Question?] = [
                nil, .ofUser, .inRoom(others: []), .inRoom(others: ["b1", "b2"]),
            ]
            let operation = RoomPresence.operation(
                keys, boot: "b\(Int.random(in: 0..<3, using: &random))", user: user, record: record,
                asking: questions[Int.random(in: 0..<4, using: &random)])
            // One of three beats; another one's users are taken away at times.
            let beat = StoreOperation.hashSet(
                key: Beat.nodesKey, pairs: [StorePair(Array("b0".utf8), Array("1 1 ".utf8))])
            let swept = RoomPresence.sweptKey("b1")
            let mark =
                step % 50 < 25 ? StoreOperation.delete(keys: [swept]) : .set(key: swept, value: Array("1".utf8))
            for operation in [beat, mark, operation, .exists(keys: [keys.members])] {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                #expect(try #require(redis.perform(operation)) == ours, "seed \(seed), step \(step)")
            }
        }
    }
}
