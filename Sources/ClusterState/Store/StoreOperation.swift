/// One request to a store: the commands of Redis 7.0 that a node uses, with typed arguments.
///
/// Keys, fields, members and values are bytes. Spans are milliseconds. Ranges by index count from 0, and from −1 at
/// the end, as Redis has it.
package enum StoreOperation: Sendable {
    /// GET: the bytes, or null.
    case get(key: [UInt8])
    /// SET: the status OK, or null when `onlyIfAbsent` and the key is there. Without `expiry` the key stays.
    case set(key: [UInt8], value: [UInt8], expiry: Int? = nil, onlyIfAbsent: Bool = false)

    /// DEL: how many of the keys were there. Needs one key at least.
    case delete(keys: [[UInt8]])
    /// EXISTS: how many of the keys are there. Needs one key at least.
    case exists(keys: [[UInt8]])
    /// SCAN: where the next part begins, "0" at the end, and keys of this part that begin and end so. A key may come
    /// twice; one that is there all the time comes. `count` is a hint. Neither part may contain a character of
    /// patterns.
    case scan(cursor: [UInt8], prefix: [UInt8], suffix: [UInt8], count: Int)
    /// PEXPIRE: 1, or 0 when there is no such key. A span of 0 or less deletes the key.
    case expire(key: [UInt8], milliseconds: Int)
    /// PTTL: milliseconds left; −1 without expiry, −2 without the key.
    case timeToLive(key: [UInt8])

    /// HSET: how many of the fields are new. Needs one pair at least.
    case hashSet(key: [UInt8], pairs: [StorePair])
    /// HGET: the bytes, or null.
    case hashGet(key: [UInt8], field: [UInt8])
    /// HMGET: bytes or null for each field. Needs one field at least.
    case hashGetSome(key: [UInt8], fields: [[UInt8]])
    /// HGETALL: fields and values in turn, in no order.
    case hashGetAll(key: [UInt8])
    /// HDEL: how many of the fields were there. Needs one field at least.
    case hashDelete(key: [UInt8], fields: [[UInt8]])

    /// RPUSH: the new length. Needs one value at least.
    case listAppend(key: [UInt8], values: [[UInt8]])
    /// LPOP: the first value, or null.
    case listRemoveFirst(key: [UInt8])
    /// LRANGE: the values from `start` to `stop`, both included.
    case listRange(key: [UInt8], start: Int, stop: Int)
    /// LREM: how many were removed. `count` > 0: from the front; < 0: from the back; 0: all.
    case listRemove(key: [UInt8], count: Int, value: [UInt8])
    /// LLEN.
    case listLength(key: [UInt8])

    /// ZADD: how many are new. Needs one entry at least.
    case sortedSetAdd(key: [UInt8], entries: [StoreEntry])
    /// ZREM: how many were there. Needs one member at least.
    case sortedSetRemove(key: [UInt8], members: [[UInt8]])
    /// ZRANGE: members by score, then by bytes, from `start` to `stop`, both included; each followed by its score
    /// when `withScores`.
    case sortedSetRange(key: [UInt8], start: Int, stop: Int, withScores: Bool = false)
    /// ZRANGE BYLEX: members above `after`, or all, at most `limit`. All scores must be the same.
    case sortedSetRangeByMember(key: [UInt8], after: [UInt8]?, limit: Int)
    /// ZSCORE: the score in decimal digits, or null.
    case sortedSetScore(key: [UInt8], member: [UInt8])
    /// ZCARD.
    case sortedSetCount(key: [UInt8])

    /// XADD: the id. It must be above the last one; `lengthMax` trims the stream to exactly so many entries.
    /// Needs one pair at least.
    case streamAppend(key: [UInt8], id: StreamID, pairs: [StorePair], lengthMax: Int? = nil)
    /// XRANGE: `[id, [field, value …]]` for each entry from `first` to `last`, at most `limit`.
    case streamRange(key: [UInt8], first: StreamID, last: StreamID, limit: Int? = nil)
    /// XREVRANGE: the same from `last` down to `first`.
    case streamReverseRange(key: [UInt8], last: StreamID, first: StreamID, limit: Int? = nil)
    /// XTRIM MAXLEN: how many were removed; exact.
    case streamTrim(key: [UInt8], lengthMax: Int)

    /// PUBLISH: how many subscribers got it; of no meaning beyond one server.
    case publish(channel: [UInt8], payload: [UInt8])
    /// TIME: seconds of the Unix epoch and microseconds within the second, both in decimal digits.
    case time
    /// INFO server: lines of `name:value`, among them `run_id`, which no two runs of a server share.
    case serverInfo
    /// EVALSHA, and EVAL when the store does not know the script yet: what the script returns.
    case script(StoreScript, keys: [[UInt8]], arguments: [[UInt8]])
}

/// A field and its value, in a hash or in an entry of a stream.
package struct StorePair: Equatable, Sendable {
    package let field: [UInt8]
    package let value: [UInt8]

    package init(_ field: [UInt8], _ value: [UInt8]) {
        self.field = field
        self.value = value
    }
}

/// A member of a sorted set and its score.
package struct StoreEntry: Equatable, Sendable {
    package let member: [UInt8]
    /// Within ±2^53: Redis keeps a double, which holds these exactly.
    package let score: Int

    package init(_ member: [UInt8], score: Int) {
        precondition(score.magnitude <= 1 << 53, "a score that a double does not hold")
        self.member = member
        self.score = score
    }
}
