import Core

/// The message ids that are known to one worker, of all its rooms and inboxes: an id commits once within its window,
/// whatever its content.
///
/// 24 bytes per id and some 11 for finding it. Ids lie in the order of their commits in shards of their own memory, so
/// that none is ever so large that its growth holds up the loop. Bound: `countMax`; beyond, the oldest are forgotten
/// before their time, and `window` says so. Thread: the worker's.
package final class KnownIDs {
    /// A power of two; each has its part of `countMax`.
    private static let shardCount = 64

    /// A history, an id and its user as 96 bits under the process' random hash seeds: two different ones meet with a
    /// probability of 2^-96 times the square of their number.
    struct Key {
        let high: UInt64
        let low: UInt32

        init(_ scope: UInt64, _ user: Identifier, _ id: UnsafeRawBufferPointer) {
            var first = Hasher()
            var second = Hasher()
            first.combine(scope)
            second.combine(~scope)
            user.withBytes {
                first.combine(bytes: $0)
                second.combine(bytes: $0)
            }
            // Neither users nor ids contain a zero byte, so the two can't run into each other.
            first.combine(UInt8(0))
            second.combine(UInt8(0))
            first.combine(bytes: id)
            second.combine(bytes: id)
            high = UInt64(bitPattern: Int64(first.finalize()))
            low = UInt32(truncatingIfNeeded: second.finalize())
        }
    }

    package let countMax: Int
    @exclusivity(unchecked) private var shards: ContiguousArray<KnownIDShard>
    private var lastScope: UInt64 = 0
    /// For how long the id was known that was last forgotten before its time (milliseconds), and when that was.
    private var shortened: (window: Int, at: Int)?

    /// - Parameter countMax: ids that are remembered at most, one or more.
    package init(countMax: Int) {
        self.countMax = max(countMax, 1)
        let perShard = (self.countMax + Self.shardCount - 1) / Self.shardCount
        shards = ContiguousArray(repeating: KnownIDShard(countMax: perShard), count: Self.shardCount)
    }

    /// Ids that are known.
    package var count: Int { shards.reduce(0) { $0 + $1.count } }

    /// Bytes of memory that they take.
    package var byteCount: Int { shards.reduce(0) { $0 + $1.byteCount } }

    /// Names a history whose ids are known by themselves.
    package func makeScope() -> UInt64 {
        lastScope += 1
        return lastScope
    }

    /// The commit that `id` of `user` stands for in a history, if it is known.
    /// - Parameter newestSeq: the history's.
    package func find(
        _ scope: UInt64, _ user: Identifier, _ id: UnsafeRawBufferPointer, newestSeq: UInt64
    ) -> (seq: UInt64, time: Int)? {
        let key = Key(scope, user, id)
        return shards[Self.shard(of: key)].find(key).map { found in
            // Of the seq the lower half is kept; it lies at most that far back.
            let seq = newestSeq &- UInt64(UInt32(truncatingIfNeeded: newestSeq) &- found.seq)
            return (seq, found.time)
        }
    }

    /// Remembers a commit of now (loop milliseconds, which never fall).
    /// - Parameter time: what the message says of it: Unix milliseconds.
    package func insert(
        _ scope: UInt64, _ user: Identifier, _ id: UnsafeRawBufferPointer, seq: UInt64, time: Int, at now: Int
    ) {
        let key = Key(scope, user, id)
        let forgotten = shards[Self.shard(of: key)].insert(
            key, seq: UInt32(truncatingIfNeeded: seq), time: time, at: now)
        if let forgotten { shortened = (now - forgotten, now) }
    }

    /// Forgets ids that were committed before `time` (loop milliseconds).
    package func expire(before time: Int) {
        for index in shards.indices { shards[index].expire(before: time) }
    }

    /// For how long an id is known at present: the window that is set, or less while there is no room for more.
    /// Milliseconds.
    package func window(of set: Int, at now: Int) -> Int {
        let set = min(set, KnownIDShard.ageMax)
        guard let shortened, now - shortened.at < set else { return set }
        return min(shortened.window, set)
    }

    private static func shard(of key: Key) -> Int { Int(key.high >> 58) & (shardCount - 1) }
}
