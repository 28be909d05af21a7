extension StoreOperation {
    /// The command in Redis' words, the name first. A script is written as EVAL; a store that has its digest sends
    /// EVALSHA instead.
    package var words: [[UInt8]] {
        switch self {
        case .get, .set: stringWords
        case .delete, .exists, .scan, .expire, .timeToLive: keyWords
        case .hashSet, .hashGet, .hashGetSome, .hashGetAll, .hashDelete: hashWords
        case .listAppend, .listRemoveFirst, .listRange, .listRemove, .listLength: listWords
        case .sortedSetAdd, .sortedSetRemove, .sortedSetRange, .sortedSetRangeByMember, .sortedSetScore,
            .sortedSetCount:
            sortedSetWords
        case .streamAppend, .streamRange, .streamReverseRange, .streamTrim: streamWords
        case .publish(let channel, let payload): command("PUBLISH", channel, payload)
        case .time: command("TIME")
        case .serverInfo: command("INFO", word("server"))
        case .script(let script, let keys, let arguments):
            command("EVAL", script.lua, digits(keys.count)) + keys + arguments
        }
    }

    private var stringWords: [[UInt8]] {
        switch self {
        case .get(let key): return command("GET", key)
        case .set(let key, let value, let expiry, let onlyIfAbsent):
            var words = command("SET", key, value)
            if let expiry { words += [word("PX"), digits(expiry)] }
            if onlyIfAbsent { words.append(word("NX")) }
            return words
        default: preconditionFailure("no operation on strings")
        }
    }

    private var keyWords: [[UInt8]] {
        switch self {
        case .delete(let keys): command("DEL") + keys
        case .exists(let keys): command("EXISTS") + keys
        case .scan(let cursor, let prefix, let suffix, let count):
            command("SCAN", cursor, word("MATCH"), prefix + word("*") + suffix, word("COUNT"), digits(count))
        case .expire(let key, let milliseconds): command("PEXPIRE", key, digits(milliseconds))
        case .timeToLive(let key): command("PTTL", key)
        default: preconditionFailure("no operation on keys")
        }
    }

    private var hashWords: [[UInt8]] {
        switch self {
        case .hashSet(let key, let pairs): command("HSET", key) + flat(pairs)
        case .hashGet(let key, let field): command("HGET", key, field)
        case .hashGetSome(let key, let fields): command("HMGET", key) + fields
        case .hashGetAll(let key): command("HGETALL", key)
        case .hashDelete(let key, let fields): command("HDEL", key) + fields
        default: preconditionFailure("no operation on hashes")
        }
    }

    private var listWords: [[UInt8]] {
        switch self {
        case .listAppend(let key, let values): command("RPUSH", key) + values
        case .listRemoveFirst(let key): command("LPOP", key)
        case .listRange(let key, let start, let stop): command("LRANGE", key, digits(start), digits(stop))
        case .listRemove(let key, let count, let value): command("LREM", key, digits(count), value)
        case .listLength(let key): command("LLEN", key)
        default: preconditionFailure("no operation on lists")
        }
    }

    private var sortedSetWords: [[UInt8]] {
        switch self {
        case .sortedSetAdd(let key, let entries):
            return command("ZADD", key) + entries.flatMap { [digits($0.score), $0.member] }
        case .sortedSetRemove(let key, let members): return command("ZREM", key) + members
        case .sortedSetRange(let key, let start, let stop, let withScores):
            return command("ZRANGE", key, digits(start), digits(stop)) + (withScores ? command("WITHSCORES") : [])
        case .sortedSetRangeByMember(let key, let after, let limit):
            let lower = after.map { word("(") + $0 } ?? word("-")
            return command("ZRANGE", key, lower, word("+"), word("BYLEX"), word("LIMIT"), digits(0), digits(limit))
        case .sortedSetScore(let key, let member): return command("ZSCORE", key, member)
        case .sortedSetCount(let key): return command("ZCARD", key)
        default: preconditionFailure("no operation on sorted sets")
        }
    }

    private var streamWords: [[UInt8]] {
        switch self {
        case .streamAppend(let key, let id, let pairs, let lengthMax):
            let trim = lengthMax.map { [word("MAXLEN"), digits($0)] } ?? []
            return command("XADD", key) + trim + [word(id.description)] + flat(pairs)
        case .streamRange(let key, let first, let last, let limit):
            return command("XRANGE", key, word(first.description), word(last.description)) + count(limit)
        case .streamReverseRange(let key, let last, let first, let limit):
            return command("XREVRANGE", key, word(last.description), word(first.description)) + count(limit)
        case .streamTrim(let key, let lengthMax): return command("XTRIM", key, word("MAXLEN"), digits(lengthMax))
        default: preconditionFailure("no operation on streams")
        }
    }
}

private func command(_ name: String, _ arguments: [UInt8]...) -> [[UInt8]] {
    [word(name)] + arguments
}

private func word(_ text: String) -> [UInt8] {
    Array(text.utf8)
}

private func digits(_ number: Int) -> [UInt8] {
    word(String(number))
}

private func flat(_ pairs: [StorePair]) -> [[UInt8]] {
    pairs.flatMap { [$0.field, $0.value] }
}

private func count(_ limit: Int?) -> [[UInt8]] {
    limit.map { [word("COUNT"), digits($0)] } ?? []
}
