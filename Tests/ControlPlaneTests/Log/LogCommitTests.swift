import Foundations
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Commits to a shared log")
struct LogCommitTests {
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let memory = MemoryStore(runID: "0") { 1_700_000_000_000_000 }

    private func terms(_ epoch: String = "", _ seq: UInt64 = 0, new: String = "e1", kept: Int = 100) -> LogCommit.Terms
    {
        LogCommit.Terms(
            epoch: epoch, newestSeq: seq, newEpoch: new, dedupeMilliseconds: 1_000_000, entriesMax: kept,
            keptMilliseconds: 1_000_000)
    }

    private func message(_ id: String, time: Int = 5) -> LogCommit.Message {
        LogCommit.Message(
            idKey: keys.id(user: Identifier(unchecked: "ann"), id: Array(id.utf8)), time: time,
            body: Array("body of \(id)\nat \(time)".utf8))
    }

    private func commit(_ terms: LogCommit.Terms, _ messages: [LogCommit.Message]) throws -> LogCommit.Answer {
        var answer: LogCommit.Answer?
        memory.perform(LogCommit.operation(keys, terms, messages)) { result in
            if case .success(let reply) = result { answer = LogCommit.answer(reply) }
        }
        return try #require(answer)
    }

    @Test("each message once, in one order; a repetition gets the first place")
    func committing() throws {
        #expect(try commit(terms(), []) == .init(epoch: "e1", newestSeq: 0, results: []))
        let first = try commit(terms("e1"), [message("a"), message("b"), message("a", time: 9)])
        let known = LogCommit.Result.known(Position(epoch: "e1", seq: 1), time: 5)
        #expect(first.results == [.committed(seq: 1), .committed(seq: 2), known])
        #expect(try commit(terms("e1", 2), [message("b"), message("c")]).results.last == .committed(seq: 3))
        var read: [UInt64] = []
        memory.perform(LogCommit.range(keys, after: 1, limit: 10)) { result in
            if case .success(let reply) = result { read = (LogCommit.entries(reply) ?? []).map(\.seq) }
        }
        #expect(read == [2, 3])
    }

    @Test("what is new is published, whole and in order")
    func publishing() throws {
        var published: [LogCommit.Publication?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        _ = try commit(terms(), [message("a"), message("a"), message("b")])
        _ = try commit(terms("e1", 2), [message("a")])
        let bodies = [message("a").body, message("b").body]
        #expect(published == [LogCommit.Publication(epoch: "e1", firstSeq: 1, bodies: bodies)])
    }

    @Test("a log that lost its end, or itself, begins another history above what was seen")
    func forks() throws {
        _ = try commit(terms(), [message("a")])
        let behind = try commit(terms("e1", 5, new: "e2"), [message("b")])
        #expect(behind == .init(epoch: "e2", newestSeq: 6, results: [.committed(seq: 6)]))
        // Who knows less, or another epoch, changes nothing.
        #expect(try commit(terms("e1", 9, new: "e3"), []).epoch == "e2")
        #expect(try commit(terms("e2", 6, new: "e3"), []).newestSeq == 6)
        memory.perform(.delete(keys: [keys.place, keys.entries])) { _ in }
        #expect(try commit(terms("e2", 6, new: "e3"), []) == .init(epoch: "e3", newestSeq: 6, results: []))
    }

    @Test("only the newest entries are kept")
    func trimming() throws {
        let messages = (1...10).map { message("m\($0)") }
        _ = try commit(terms(kept: 3), messages)
        var length = -1
        memory.perform(.streamLength(key: keys.entries)) { result in
            if case .success(.integer(let count)) = result { length = count }
        }
        #expect(length == 3)
    }

    @Test("what is no publication is none")
    func malformed() {
        for text in ["", "e", "e\n", "e\nx\n1\na", "e\n1\n5\nabc", "e\n1\n1\nab", "e\n1\n-1\na"] {
            #expect(LogCommit.publication(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test("the Lua and its twin give the same, whatever is committed", arguments: 1...3 as ClosedRange<UInt64>)
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        var random = SplitMix64(seed: seed)
        for step in 0..<400 {
            let known = ["", "e1", "e\(step / 2)", "e\(max(step - 1, 0))"].randomElement(using: &random) ?? ""
            let terms = terms(
                known, UInt64.random(in: 0...UInt64(step), using: &random), new: "e\(step)",
                kept: Int.random(in: 0...20, using: &random))
            let messages = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                message("m\(Int.random(in: 0..<200, using: &random))", time: step)
            }
            var operations = [LogCommit.operation(keys, terms, messages), .hashGetAll(key: keys.place)]
            operations.append(LogCommit.range(keys, after: 0, limit: 100))
            if Int.random(in: 0..<60, using: &random) == 0 { operations.append(.delete(keys: [keys.place])) }
            for operation in operations {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                let theirs = try #require(redis.perform(operation))
                #expect(sorted(ours) == sorted(theirs), "seed \(seed), step \(step)")
            }
        }
    }

    /// HGETALL answers in no order.
    private func sorted(_ result: StoreResult) -> [String] {
        guard case .success(.array(let parts)) = result else { return ["\(result)"] }
        return parts.map { "\($0)" }.sorted()
    }
}
