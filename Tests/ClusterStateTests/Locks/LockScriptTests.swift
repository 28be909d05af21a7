import ClusterState
import TestSupport
import Testing

@Suite("The scripts on locks, as Lua and as Swift")
struct LockScriptTests {
    /// Above the clock in microseconds, so that no token depends on it.
    private static let highest = 1 << 52
    /// Does not end within the test.
    private static let long = 1_000_000_000

    private let server: RedisServer
    private let redis: RedisDialogue
    private let listener: RedisDialogue

    init() throws {
        server = try #require(RedisServer())
        redis = try #require(RedisDialogue(path: server.path))
        listener = try #require(RedisDialogue(path: server.path))
    }

    /// The state of the memory store's side.
    private final class Heard {
        var payloads: [[UInt8]] = []
        var microseconds = 0
        var generation = 0
        var token = 0
        var answers: [String: Int] = [:]

        func heard(_ result: StoreResult) {
            guard case .success(.array(let parts)) = result else { return }
            if case .bytes(let word)? = parts.first { answers[String(decoding: word, as: UTF8.self), default: 0] += 1 }
            if case .integer(let generation)? = parts.first { self.generation = generation }
            if case .granted(let token, let generation) = LockAnswer(.array(parts)) {
                (self.token, self.generation) = (token, generation)
            }
        }
    }

    @Test("random calls have the same replies, and wake the same waiters", arguments: 1...3 as ClosedRange<UInt64>)
    func sameReplies(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let heard = Heard()
        let memory = MemoryStore(boot: "ab") { heard.microseconds }
        let channel = Array(LockKeys.channel(keeper: "k").utf8)
        memory.subscribe(channel) { if case .message(let payload) = $0 { heard.payloads.append(payload) } }
        _ = try #require(listener.perform([Array("SUBSCRIBE".utf8), channel]))
        for number in 1...4_000 {
            let (operation, mayExpire) = next(&random, after: heard)
            heard.microseconds = try redis.time()
            var ours = StoreResult.failure(.uncertain)
            memory.perform(operation) { ours = $0 }
            let theirs = try #require(redis.perform(operation))
            try #require(
                areEqual(ours, theirs), "seed \(seed), call \(number): \(operation): \(ours), Redis \(theirs)")
            heard.heard(ours)
            if mayExpire {
                // Counted from after the call: it may have reached Redis late.
                let end = try redis.time() + 3_000
                while try redis.time() < end {}
            }
        }
        let words: Set = ["granted", "waiting", "quarantine", "full", "renewed", "changed", "lost"]
        #expect(Set(heard.answers.keys) == words, "seed \(seed): \(heard.answers)")
        #expect(heard.answers.values.allSatisfy { $0 >= 20 }, "seed \(seed): \(heard.answers)")
        let end = Array("end".utf8)
        _ = redis.perform(.publish(channel: channel, payload: end))
        var published: [[UInt8]] = []
        while let push = listener.readReply(), case .array(let parts) = push, case .bytes(let payload)? = parts.last,
            payload != end
        {
            published.append(payload)
        }
        #expect(published == heard.payloads && published.count > 100, "seed \(seed)")
    }

    @Test("a lock is reclaimed within the quarantine only, and not from a higher token")
    func reclaim() {
        let heard = Heard()
        let memory = MemoryStore(boot: "ab") { heard.microseconds }
        func call(_ script: StoreScript, _ owner: String, _ numbers: Int...) -> LockAnswer? {
            let arguments = [Array(owner.utf8)] + ([0, 100] + numbers).map { Array("\($0)".utf8) }
            var result = StoreResult.failure(.uncertain)
            memory.perform(.script(script, keys: LockKeys.all("x"), arguments: arguments)) { result = $0 }
            guard case .success(let reply) = result else { return nil }
            return LockAnswer(reply)
        }
        heard.microseconds = 1_000_000
        #expect(call(LockScripts.reclaim, "k/1", 5_000, 7) == .granted(token: 7, generation: 1_000_000))
        #expect(call(LockScripts.reclaim, "k/2", 5_000, 6) == .lost)
        #expect(call(LockScripts.reclaim, "k/3", 5_000, 8) == .granted(token: 8, generation: 1_000_000))
        heard.microseconds += 99_000
        #expect(call(LockScripts.reclaim, "k/3", 5_000, 8) == .granted(token: 8, generation: 1_000_000))
        heard.microseconds += 1_000
        #expect(call(LockScripts.reclaim, "k/3", 5_000, 8) == .lost)
    }

    /// A call, and whether something that it sets ends within a millisecond.
    private func next(_ random: inout SplitMix64, after heard: Heard) -> (StoreOperation, Bool) {
        let keys = LockKeys.all("lock \(Int.random(in: 0..<2, using: &random))")
        let owner = Array("\(LockKeys.channel(keeper: "k"))/\(Int.random(in: 0..<5, using: &random))".utf8)
        let quarantine = [0, 0, Self.long].randomElement(using: &random)!
        let ttl = spans.randomElement(using: &random)!
        let generation = heard.generation + (Int.random(in: 0..<4, using: &random) == 0 ? 1 : 0)
        let token = heard.token + Int.random(in: -1...1, using: &random)
        let common = [Self.highest, quarantine]
        func call(_ script: StoreScript, _ numbers: [Int]) -> StoreOperation {
            .script(script, keys: keys, arguments: [owner] + (common + numbers).map { Array("\($0)".utf8) })
        }
        switch Int.random(in: 0..<100, using: &random) {
        case ..<45:
            let waiterExpiry = (spans + [0]).randomElement(using: &random)!
            let isStrict = Int.random(in: 0..<4, using: &random) == 0 ? 0 : 1
            return (call(LockScripts.acquire, [ttl, waiterExpiry, 3, isStrict]), ttl == 1 || waiterExpiry == 1)
        case ..<60: return (call(LockScripts.renew, [ttl, generation]), ttl == 1)
        case ..<70: return (call(LockScripts.reclaim, [ttl, token]), ttl == 1)
        case ..<85: return (call(LockScripts.release, []), false)
        case ..<92: return (call(LockScripts.enter, []), false)
        case ..<97: return (.delete(keys: [keys[0]]), false)
        default: return (.hashSet(key: keys[0], pairs: [StorePair(Array("run".utf8), [0x78])]), false)
        }
    }

    private var spans: [Int] { [1, Self.long, Self.long] }

    /// Whether two answers agree; the rest of a long span may differ.
    private func areEqual(_ one: StoreResult, _ other: StoreResult) -> Bool {
        guard case .success(.array(let one)) = one, case .success(.array(let other)) = other,
            one.count == other.count
        else { return one == other }
        return zip(one, other).allSatisfy { one, other in
            guard case .integer(let one) = one, case .integer(let other) = other else { return one == other }
            return one == other
                || abs(one - other) < 10_000_000 && min(one, other) > Self.long / 2
                    && max(one, other) <= Self.long
        }
    }
}
