import ClusterState
import TestSupport
import Testing

@Suite("The memory store against a real Redis")
struct DifferentialTests {
    /// Far above what a test takes, far below the spans that its operations set.
    private static let toleranceMilliseconds = 10_000_000

    private final class Clock {
        var microseconds = 0
    }

    /// To look at a failure: the seed, and as many operations as it took, stand in its message.
    @Test("random operations have the same replies", arguments: 1...4 as ClosedRange<UInt64>)
    func sameReplies(seed: UInt64) throws {
        try compare(seed: seed, operations: 7_500)
    }

    private func compare(seed: UInt64, operations count: Int) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let clock = Clock()
        clock.microseconds = try redis.time()
        let memory = MemoryStore(boot: "0") { clock.microseconds }
        var operations = RandomOperations(random: SplitMix64(seed: seed))
        var random = SplitMix64(seed: ~seed)
        for number in 1...count {
            if Int.random(in: 0..<200, using: &random) == 0 {
                try letOneExpire(&operations, redis, memory, clock)
            }
            let operation = operations.next()
            let theirs = try #require(redis.perform(operation))
            let ours = perform(memory, operation)
            let words = operation.words.map { String(decoding: $0, as: UTF8.self) }
            try #require(
                areEqual(ours, theirs, operation),
                "seed \(seed), operation \(number): \(words): \(ours), Redis \(theirs)")
        }
    }

    /// Lets something expire in both stores before anybody looks at it again: in Redis by waiting for its own clock.
    private func letOneExpire(
        _ operations: inout RandomOperations, _ redis: RedisDialogue, _ memory: MemoryStore, _ clock: Clock
    ) throws {
        let key = operations.next().words[1]
        clock.microseconds = try redis.time()
        let operation = StoreOperation.expire(key: key, milliseconds: 1)
        #expect(try #require(redis.perform(operation)) == perform(memory, operation))
        let given = try redis.time()
        while try redis.time() < given + 3_000 {}
        clock.microseconds = given + 3_000_000
    }

    private func perform(_ memory: MemoryStore, _ operation: StoreOperation) -> StoreResult {
        var result = StoreResult.failure(.uncertain)
        memory.perform(operation) { result = $0 }
        return result
    }

    private func areEqual(_ one: StoreResult, _ other: StoreResult, _ operation: StoreOperation) -> Bool {
        switch (operation, one, other) {
        case (.timeToLive, .success(.integer(let one)), .success(.integer(let other))):
            one == other || min(one, other) > 0 && abs(one - other) < Self.toleranceMilliseconds
        case (.hashGetAll, .success(.array(let one)), .success(.array(let other))):
            sorted(one, by: 2) == sorted(other, by: 2)
        case (.script, .failure(.refused(let one, _)), .failure(.refused(let other, _))):
            // To an error that a script did not catch Redis adds where it happened.
            one == other
        default: one == other
        }
    }

    /// Replies in groups of `width`, in an order of our own.
    private func sorted(_ replies: [StoreReply], by width: Int) -> [String] {
        stride(from: 0, to: replies.count, by: width).map { "\(replies[$0..<($0 + width)])" }.sorted()
    }
}
