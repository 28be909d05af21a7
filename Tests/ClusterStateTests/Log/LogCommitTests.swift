import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("Commits to a shared log")
struct LogCommitTests {
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let memory = MemoryStore(boot: "0") { 1_700_000_000_000_000 }

    private func terms(
        _ epoch: String = "", _ seq: UInt64 = 0, new: String = "e1", kept: Int = 100, storedOneOf: Int = 1,
        lineage: Lineage = Lineage(), forks: Bool = false
    ) -> LogCommit.Terms {
        LogCommit.Terms(
            epoch: epoch, newestSeq: seq, name: new, dedupeMilliseconds: 1_000_000, entriesMax: kept,
            keptMilliseconds: 1_000_000, storedOneOf: storedOneOf, lineage: lineage, forks: forks)
    }

    private func message(
        _ id: String, time: Int = 5, was: [Position] = [], isKept: Bool = false
    ) -> LogCommit.Message {
        LogCommit.Message(
            idKey: keys.id(user: Identifier(unchecked: "ann"), id: Array(id.utf8)), time: time,
            body: Array("body of \(id)\nat \(time)".utf8), was: was, isKept: isKept)
    }

    private func commit(_ terms: LogCommit.Terms, _ messages: [LogCommit.Message]) throws -> LogCommit.Outcome {
        var answer: LogCommit.Outcome?
        memory.perform(LogCommit.operation(keys, terms, messages)) { result in
            if case .success(let reply) = result { answer = LogCommit.answer(reply) }
        }
        return try #require(answer)
    }

    @Test("each message once, in one order; a repetition gets the first place")
    func committing() throws {
        let empty = LogCommit.Outcome(
            epoch: "e1", newestSeq: 0, unstoredFrom: nil, lineage: Lineage(), results: [])
        #expect(try commit(terms(), []) == empty)
        let first = try commit(terms("e1"), [message("a"), message("b"), message("a", time: 9)])
        let known = LogCommit.Result.known(Position(epoch: "e1", seq: 1), time: 5, isStored: true)
        #expect(first.results == [stored(1), stored(2), known])
        #expect(try commit(terms("e1", 2), [message("b"), message("c")]).results.last == stored(3))
        #expect(read(after: 1).map(\.seq) == [2, 3])
    }

    private func stored(_ seq: UInt64) -> LogCommit.Result { .committed(seq: seq, isStored: true) }

    private func read(after seq: UInt64 = 0) -> [LogCommit.CommittedMessage] {
        var read: [LogCommit.CommittedMessage] = []
        memory.perform(LogRange.operation(keys, after: seq)) { result in
            if case .success(let reply) = result { read = LogRange.answer(reply)?.entries ?? [] }
        }
        return read
    }

    @Test("a sample is stored, all get their places and are published; each hole is said, at the end and behind it")
    func sampling() throws {
        var published: [LogCommit.Publication?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        _ = try commit(terms(), [message("a")])
        let sampled = try commit(terms("e1", 1, storedOneOf: 3), ["b", "c", "d", "e"].map { message($0) })
        #expect(sampled.newestSeq == 5 && sampled.unstoredFrom == 4)
        #expect(sampled.results.map { $0 == stored(3) } == [false, true, false, false])
        #expect(sampled.results.first == .committed(seq: 2, isStored: false))
        #expect(published.last??.entries.map(\.seq) == [2, 3, 4, 5])
        #expect(published.last??.entries.map(\.isStored) == [false, true, false, false])
        #expect(published.last??.entries.map(\.body) == ["b", "c", "d", "e"].map { message($0).body })
        #expect(read().map(\.seq) == [1, 3] && read().map(\.unstoredFrom) == [nil, 2])
        // The hole is the same for whoever asks, and goes on with the next sample.
        #expect(try commit(terms("e1", 5), []).unstoredFrom == 4)
        #expect(try commit(terms("e1", 5, storedOneOf: 10), [message("f")]).unstoredFrom == 4)
        let whole = try commit(terms("e1", 6), [message("g"), message("h")])
        #expect(whole.unstoredFrom == nil && whole.results == [stored(7), stored(8)])
        #expect(read(after: 3) == [entry(7, "g", unstoredFrom: 4), entry(8, "h")])
        #expect(try commit(terms("e1", 8), []).unstoredFrom == nil)
    }

    private func entry(
        _ seq: UInt64, _ id: String, unstoredFrom: UInt64? = nil, by commit: String = "e1"
    ) -> LogCommit.CommittedMessage {
        LogCommit.CommittedMessage(seq: seq, body: message(id).body, unstoredFrom: unstoredFrom, commit: commit)
    }

    @Test("a repetition of what was not stored gets the first place, and that it was not stored")
    func samplingOnce() throws {
        _ = try commit(terms(storedOneOf: 10), [message("a")])
        let known = LogCommit.Result.known(Position(epoch: "e1", seq: 1), time: 5, isStored: false)
        #expect(try commit(terms("e1", 1), [message("a", time: 8)]).results == [known])
        #expect(read().isEmpty)
    }

    @Test("what lies before a fork is not said to be unstored")
    func samplingForks() throws {
        _ = try commit(terms(storedOneOf: 10), [message("a")])
        let behind = try commit(terms("e1", 5, new: "e2"), [message("b")])
        #expect(behind.epoch == "e2~e1:5" && behind.unstoredFrom == nil && behind.newestSeq == 6)
        #expect(read() == [entry(6, "b", by: "e2")])
    }

    @Test("an entry that says nonsense of what is not stored says nothing")
    func nonsense() {
        for digits in ["3", "6", "7", "8", "0", "x", "-1", ""] {
            let fields = ["m", "body", "unstored", digits].map { StoreReply.bytes(Array($0.utf8)) }
            let entry = StoreReply.array([.bytes(Array("7-0".utf8)), .array(fields)])
            #expect(LogCommit.entries(.array([entry]))?.first?.unstoredFrom == ["3": 3, "6": 6][digits], "\(digits)")
        }
        let answer = [StoreReply.bytes([0x65]), .integer(5)]
        for (unstored, from) in [(0, nil), (1, 1), (5, 5), (6, nil)] as [(Int, UInt64?)] {
            #expect(LogCommit.answer(.array(answer + [.integer(unstored), .bytes([])]))?.unstoredFrom == from)
        }
        #expect(LogCommit.answer(.array(answer)) == nil)
        #expect(LogCommit.answer(.array(answer + [.integer(-1), .bytes([])])) == nil)
    }

    @Test("what is new is published, whole and in order")
    func publishing() throws {
        var published: [LogCommit.Publication?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        _ = try commit(terms(), [message("a"), message("a"), message("b")])
        _ = try commit(terms("e1", 2), [message("a")])
        #expect(published == [LogCommit.Publication(epoch: "e1", entries: [entry(1, "a"), entry(2, "b")])])
    }

    @Test("a log that lost its end, or itself, begins another history above what was seen")
    func forks() throws {
        _ = try commit(terms(), [message("a")])
        let behind = try commit(terms("e1", 5, new: "e2"), [message("b")])
        let forked = Lineage([Position(epoch: "e1", seq: 5)])
        let second = "e2~e1:5"
        #expect(behind == .init(epoch: second, newestSeq: 6, unstoredFrom: nil, lineage: forked, results: [stored(6)]))
        // Who knows less, or another epoch, changes nothing.
        #expect(try commit(terms("e1", 9, new: "e3"), []).epoch == second)
        #expect(try commit(terms(second, 6, new: "e3"), []).newestSeq == 6)
        memory.perform(.delete(keys: [keys.place, keys.entries])) { _ in }
        let wiped = try commit(terms(second, 6, new: "e3", lineage: forked), [])
        let twice = Lineage([Position(epoch: "e1", seq: 5), Position(epoch: second, seq: 6)])
        let third = "e3~e2:6~e1:5"
        #expect(wiped == .init(epoch: third, newestSeq: 6, unstoredFrom: nil, lineage: twice, results: []))
        // A name says two.
        memory.perform(.delete(keys: [keys.place, keys.entries])) { _ in }
        #expect(try commit(terms(third, 7, new: "e4", lineage: twice), []).epoch == "e4~e3:7~e2:6")
    }

    @Test("whoever has other entries of the same epoch has another one begin, and all who listen hear of it")
    func otherEntries() throws {
        var published: [LogCommit.Publication?] = []
        _ = try commit(terms(), [message("a"), message("b")])
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        let forked = try commit(terms("e1", 1, new: "e2", forks: true), [])
        let name = "e2~e1:2"
        #expect(forked.epoch == name && forked.newestSeq == 2)
        #expect(forked.lineage == Lineage([Position(epoch: "e1", seq: 2)]))
        #expect(published == [LogCommit.Publication(epoch: name, entries: [])])
        #expect(try commit(terms("e1", 1, new: "e3", forks: true), []).epoch == name)
    }

    @Test("what is committed again says where it stood, in the publication and in the log")
    func formerPlaces() throws {
        var published: [LogCommit.Publication?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        let was = [Position(epoch: "e0", seq: 7), Position(epoch: "e1", seq: 8)]
        _ = try commit(terms("e1", 8, new: "e2"), [message("a", was: was), message("b")])
        #expect(published.last??.entries.map(\.was) == [was, []])
        #expect(read().map(\.was) == [was, []])
    }

    @Test("An id that outlived its entry is no place: what is lost is committed anew", arguments: [false, true])
    func idsOfLostEntries(isRedis: Bool) throws {
        let store = try Either(isRedis ? nil : memory)
        func commit(_ terms: LogCommit.Terms, _ messages: [LogCommit.Message]) throws -> [LogCommit.Result] {
            try #require(LogCommit.answer(try store(LogCommit.operation(keys, terms, messages)).get())).results
        }
        func known(_ seq: UInt64) -> LogCommit.Result {
            .known(Position(epoch: "e1", seq: seq), time: 5, isStored: true)
        }
        func again(_ seq: UInt64, was: UInt64) -> LogCommit.Result {
            .committed(seq: seq, isStored: true, was: [Position(epoch: "e1", seq: was)])
        }
        _ = try commit(terms(), ["a", "b", "c", "d"].map { message($0) })
        // The log goes, the ids stay, and somebody begins anew who knew the half of it.
        _ = try store(.delete(keys: [keys.place, keys.entries]))
        #expect(try commit(terms("e1", 2, new: "e2"), [message("b"), message("c")]) == [known(2), again(3, was: 3)])
        let kept = [message("a", isKept: true), message("d", isKept: true), message("c")]
        let second = "e2~e1:2"
        let present = LogCommit.Result.known(Position(epoch: second, seq: 3), time: 5, isStored: true)
        #expect(try commit(terms(second, 3), kept) == [known(1), again(4, was: 4), present])
        // Of an epoch that nobody knows any more only who kept a message knows that it is lost.
        _ = try store(.delete(keys: [keys.place, keys.entries]))
        let unknown = try commit(terms(new: "e3"), [message("a"), message("b", isKept: true)])
        #expect(unknown == [known(1), again(1, was: 2)])
        let part = try #require(LogRange.answer(try store(LogRange.operation(keys, after: 0)).get()))
        #expect(part.entries.map(\.was) == [[Position(epoch: "e1", seq: 2)]])
    }

    @Test("a range has the bytes and entries that its bounds allow, and the entry before it")
    func ranges() throws {
        let messages = (1...LogRange.entriesMax + 1).map { message("m\($0)") }
        _ = try commit(terms(kept: 10_000), messages)
        #expect(read().map(\.seq) == Array(1...UInt64(LogRange.entriesMax)))
        var answer: LogRange.Part?
        memory.perform(LogRange.operation(keys, after: 2)) { answer = (try? $0.get()).flatMap(LogRange.answer) }
        #expect(answer?.epoch == "e1" && answer?.tail == LogRange.Tail(commit: "e1") && answer?.entries.first?.seq == 3)
        memory.perform(LogRange.operation(keys, after: 900)) { answer = (try? $0.get()).flatMap(LogRange.answer) }
        #expect(answer == LogRange.Part(epoch: "e1", tail: nil, entries: []))
    }

    @Test("each entry names the commit that wrote it, in the publication and in the log")
    func names() throws {
        var published: [LogCommit.Publication?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(LogCommit.publication(payload)) }
        }
        _ = try commit(terms(new: "n1"), [message("a"), message("b")])
        _ = try commit(terms("n1", 2, new: "n2"), [message("b"), message("c")])
        #expect(read().map(\.commit) == ["n1", "n1", "n2"])
        #expect(published.compactMap { $0?.entries.map(\.commit) } == [["n1", "n1"], ["n2"]])
        let old = [StoreReply.bytes(Array("4-0".utf8)), .array([.bytes(Array("m".utf8)), .bytes([0x61])])]
        #expect(LogCommit.entries(.array([.array(old)]))?.first?.commit == .some(nil))
        // An entry that another version wrote has no name, and is there all the same.
        memory.perform(
            .streamAppend(
                key: keys.entries, id: StreamID(4), pairs: [StorePair(Array("m".utf8), Array("x".utf8))])
        ) { _ in }
        var answer: LogRange.Part?
        memory.perform(LogRange.operation(keys, after: 4)) { answer = (try? $0.get()).flatMap(LogRange.answer) }
        #expect(answer?.tail == LogRange.Tail(commit: nil))
    }

    @Test("large entries are read in parts")
    func largeRanges() throws {
        let size = LogRange.bytesMax / 3
        for number in 1...9 {
            let large = LogCommit.Message(
                idKey: keys.id(user: Identifier(unchecked: "ann"), id: [UInt8(number)]), time: 5,
                body: Array(repeating: 0x61, count: size))
            _ = try commit(terms(), [large])
        }
        #expect(read().map(\.seq) == [1, 2, 3, 4])
        #expect(read(after: 8).map(\.seq) == [9])
    }

    @Test("only the newest entries are kept")
    func trimming() throws {
        let messages = (1...10).map { message("m\($0)") }
        _ = try commit(terms(kept: 3), messages)
        var length = -1
        memory.perform(.streamRange(key: keys.entries, first: .lowest, last: .highest)) { result in
            if case .success(.array(let entries)) = result { length = entries.count }
        }
        #expect(length == 3)
    }

    @Test("A refused entry takes the ids of its commit back", arguments: [false, true])
    func refusedEntries(isRedis: Bool) throws {
        let store = try Either(isRedis ? nil : memory)
        _ = try store(LogCommit.operation(keys, terms(), [message("a")]))
        _ = try store(.delete(keys: [keys.entries]))
        _ = try store(.set(key: keys.entries, value: [1], expiry: nil))
        let again = LogCommit.operation(keys, terms("e1", 1, storedOneOf: 3), ["b", "c", "d"].map { message($0) })
        guard case .failure(.refused("WRONGTYPE", _)) = try store(again) else {
            Issue.record("an entry was added to a string")
            return
        }
        #expect(try store(.hashGet(key: keys.place, field: Array("seq".utf8))) == .success(.bytes(Array("1".utf8))))
        _ = try store(.delete(keys: [keys.entries]))
        let answer = try #require(LogCommit.answer(try store(again).get()))
        #expect(
            answer.results == [
                .committed(seq: 2, isStored: false), stored(3), .committed(seq: 4, isStored: false),
            ])
        #expect(answer.newestSeq == 4)
    }

    @Test("A place that is behind its entries is mended", arguments: [false, true])
    func placeBehind(isRedis: Bool) throws {
        let store = try Either(isRedis ? nil : memory)
        _ = try store(LogCommit.operation(keys, terms(), ["a", "b", "c"].map { message($0) }))
        _ = try store(.hashSet(key: keys.place, pairs: [StorePair(Array("seq".utf8), Array("1".utf8))]))
        let commit = LogCommit.operation(keys, terms("e1", 1), [message("c"), message("d")])
        guard case .failure(.away(let refusal)) = try store(commit) else {
            Issue.record("it was committed below others")
            return
        }
        #expect(refusal.code == "TRYAGAIN")
        let answer = try #require(LogCommit.answer(try store(commit).get()))
        #expect(answer.epoch == "e1" && answer.results.last == stored(4))
    }

    @Test("what is no publication is none")
    func malformed() {
        for text in [
            "", "=2", "=2\ne", "=2\ne\nn", "=2\ne\nn\nx\n1\na", "=2\ne\nn\n1\n5\nabc", "=2\ne\nn\n1\n1\nab",
            "=2\ne\nn\n1\n-2\na", "=2\ne\nn\n1\n--1\na", "=2\ne\nn\n1\n-\na", "=2\ne\nn\n99999999999999999\n",
            "=1\ne\n1\n1\na", "e\nn\n1\n1\na",
        ] {
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
                kept: Int.random(in: 0...20, using: &random),
                storedOneOf: [1, 1, 2, 3, 10].randomElement(using: &random) ?? 1,
                lineage: Lineage(step % 3 == 0 ? [Position(epoch: "e9", seq: 3)] : []), forks: step % 7 == 0)
            let messages = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                message(
                    "m\(Int.random(in: 0..<200, using: &random))", time: step,
                    was: step % 5 == 0 ? [Position(epoch: "e1", seq: UInt64(step))] : [], isKept: step % 4 == 1)
            }
            var operations = [LogCommit.operation(keys, terms, messages), .hashGetAll(key: keys.place)]
            operations.append(LogRange.operation(keys, after: UInt64.random(in: 0...20, using: &random)))
            if Int.random(in: 0..<60, using: &random) == 0 { operations.append(.delete(keys: [keys.place])) }
            for operation in operations {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                let theirs = try #require(redis.perform(operation))
                #expect(sorted(ours) == sorted(theirs), "seed \(seed), step \(step)")
            }
        }
    }

    /// The memory store, or a Redis.
    private struct Either {
        private let memory: MemoryStore?
        private var server: RedisServer?
        private var redis: RedisDialogue?

        init(_ memory: MemoryStore?) throws {
            self.memory = memory
            guard memory == nil else { return }
            let server = try #require(RedisServer())
            redis = try #require(RedisDialogue(path: server.path))
            self.server = server
        }

        func callAsFunction(_ operation: StoreOperation) throws -> StoreResult {
            guard let memory else { return try #require(redis?.perform(operation)) }
            var result = StoreResult.failure(.uncertain)
            memory.perform(operation) { result = $0 }
            return result
        }
    }

    /// HGETALL answers in no order.
    private func sorted(_ result: StoreResult) -> [String] {
        guard case .success(.array(let parts)) = result else { return ["\(result)"] }
        return parts.map { "\($0)" }.sorted()
    }
}
