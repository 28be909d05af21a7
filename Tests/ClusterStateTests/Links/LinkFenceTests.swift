import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("Messages of links in the log, as Lua and as Swift")
struct LinkFenceTests {
    private let server: RedisServer
    private let redis: RedisDialogue
    private let memory: MemoryStore
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let feed = Identifier(unchecked: "feed of all")

    init() throws {
        server = try #require(RedisServer())
        redis = try #require(RedisDialogue(path: server.path))
        let time = try redis.time()
        memory = MemoryStore(boot: "0") { time }
    }

    /// Both stores' reply, which must be the same.
    private func perform(_ operation: StoreOperation) throws -> StoreReply {
        var ours = StoreResult.failure(.uncertain)
        memory.perform(operation) { ours = $0 }
        let theirs = try #require(redis.perform(operation))
        try #require(ours == theirs, "\(operation): \(ours), Redis \(theirs)")
        return try ours.get()
    }

    private func owns(_ link: Identifier, token: Int) throws {
        let text = Array("boot-\(token) \(token) node".utf8)
        _ = try perform(.hashSet(key: LinkKeys.owners, pairs: [StorePair(Array(link.text.utf8), text)]))
    }

    private func message(_ id: String, of link: Identifier? = nil, token: Int = 0) -> LogCommit.Message {
        LogCommit.Message(
            idKey: keys.id(user: Identifier(unchecked: "link"), id: Array(id.utf8)), time: 5, body: Array(id.utf8),
            fence: link.map { LinkFence(link: $0, token: token) })
    }

    private func commit(_ messages: [LogCommit.Message]) throws -> [LogCommit.Result] {
        let terms = LogCommit.Terms(
            epoch: "", newestSeq: 0, name: "e1", dedupeMilliseconds: 1_000_000, entriesMax: 100,
            keptMilliseconds: 1_000_000)
        return try #require(LogCommit.answer(try perform(LogCommit.operation(keys, terms, messages)))).results
    }

    private func refused() throws -> [Int] { LinkCall.refused(try perform(LinkCall.readRefused([feed]))) }

    private func stored(_ seq: UInt64) -> LogCommit.Result { .committed(seq: seq, isStored: true) }

    @Test("what an owner brings is refused once another one has a higher token, and what others say is not")
    func fencing() throws {
        // Nobody owns it, as the store has lost it, or it was given back: nobody can be wronged.
        #expect(try commit([message("a", of: feed, token: 5)]) == [stored(1)])
        try owns(feed, token: 7)
        #expect(try commit([message("b", of: feed, token: 7)]) == [stored(2)])
        #expect(try commit([message("c", of: feed, token: 8)]) == [stored(3)])
        let mixed = [message("d"), message("e", of: feed, token: 6), message("f"), message("g", of: feed, token: 7)]
        #expect(try commit(mixed) == [stored(4), .fenced, stored(5), stored(6)])
        #expect(try refused() == [1])
    }

    @Test("one that is repeated, as its answer was lost, is counted once, and one that has a place keeps it")
    func repetitions() throws {
        #expect(try commit([message("a", of: feed, token: 5)]) == [stored(1)])
        try owns(feed, token: 7)
        let first = LogCommit.Result.known(Position(epoch: "e1", seq: 1), time: 5, isStored: true)
        let batch = [message("a", of: feed, token: 5), message("b", of: feed, token: 5)]
        #expect(try commit(batch) == [first, .fenced])
        #expect(try commit(batch) == [first, .fenced])
        #expect(try refused() == [1])
        // Members were shown it meanwhile, or it was given a place under a token that counts.
        #expect(try commit([message("b")]) == [stored(2)])
        #expect(try commit([message("c", of: feed, token: 5)]) == [.fenced])
        #expect(try commit([message("c", of: feed, token: 9)]) == [stored(3)])
    }

    @Test(
        "an owner that can't be read fences nobody",
        arguments: ["", "x", "boot", "boot x node", "boot 99999999999999999999 n"])
    func nonsense(text: String) throws {
        let pair = StorePair(Array(feed.text.utf8), Array(text.utf8))
        _ = try perform(.hashSet(key: LinkKeys.owners, pairs: [pair]))
        _ = try perform(.hashSet(key: LinkKeys.refused, pairs: [pair]))
        #expect(try commit([message("a", of: feed, token: 1)]) == [stored(1)])
        try owns(feed, token: 2)
        #expect(try commit([message("b", of: feed, token: 1)]) == [.fenced])
        #expect(try refused() == [1])
    }

    @Test("random commits and owners have the same replies", arguments: 1...3 as ClosedRange<UInt64>)
    func sameReplies(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var counts: [Bool: Int] = [:]
        for _ in 0..<1_000 {
            if Int.random(in: 0..<5, using: &random) == 0 { try owns(feed, token: .random(in: 1..<20, using: &random)) }
            let messages = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                let id = "\(Int.random(in: 0..<300, using: &random))"
                let isLink = Bool.random(using: &random)
                return message(id, of: isLink ? feed : nil, token: .random(in: 1..<20, using: &random))
            }
            for result in try commit(messages) { counts[result == .fenced, default: 0] += 1 }
            _ = try refused()
        }
        #expect(counts[true] ?? 0 > 50 && counts[false] ?? 0 > 50, "\(counts)")
    }
}
