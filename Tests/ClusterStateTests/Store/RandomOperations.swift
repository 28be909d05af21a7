import ClusterState
import TestSupport

/// Random requests over few keys, fields and members, so that they meet: all operations whose reply two stores share.
struct RandomOperations {
    /// Spans that never end within a test, and one that is too long to be counted.
    static let longSpans = [1_000_000_000, 5_000_000_000_000, Int.max]

    private static let values = [
        "", "a", "b", "zz", "0", "1", "-1", "-0", "+1", "007", " 3", "3.5", "\u{e4}\u{0}\r\n",
        "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    ].map { Array($0.utf8) }

    var random: SplitMix64

    mutating func next() -> StoreOperation {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<14: string()
        case ..<28: hash()
        case ..<42: list()
        case ..<62: sortedSet()
        case ..<84: stream()
        case ..<96: key()
        default: script()
        }
    }

    private mutating func string() -> StoreOperation {
        let key = key(of: "string")
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return .get(key: key)
        default:
            let expiry = pick([nil, nil, nil, 0, -5] + Self.longSpans.map { $0 as Int? })
            return .set(key: key, value: value(), expiry: expiry, onlyIfAbsent: Bool.random(using: &random))
        }
    }

    private mutating func hash() -> StoreOperation {
        let key = key(of: "hash")
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return .hashGet(key: key, field: value())
        case 1: return .hashGetSome(key: key, fields: some { $0.value() })
        case 2: return .hashGetAll(key: key)
        case 3, 4: return .hashDelete(key: key, fields: some { $0.value() })
        default: return .hashSet(key: key, pairs: some { StorePair($0.value(), $0.value()) })
        }
    }

    private mutating func list() -> StoreOperation {
        let key = key(of: "list")
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1: return .listAppend(key: key, values: some { $0.value() })
        case 2, 3: return .listRemoveFirst(key: key)
        case 4: return .listRange(key: key, start: index(), stop: index())
        case 5: return .listRemove(key: key, count: pick([0, 1, 2, 99, -1, -2, .min, .max]), value: value())
        default: return .listLength(key: key)
        }
    }

    private mutating func sortedSet() -> StoreOperation {
        let (key, sameScores) = (key(of: "sorted"), key(of: "index"))
        let withScores = Bool.random(using: &random)
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1, 2: return .sortedSetAdd(key: key, entries: some { StoreEntry($0.value(), score: $0.score()) })
        case 3: return .sortedSetRemove(key: key, members: some { $0.value() })
        case 4: return .sortedSetRange(key: key, start: index(), stop: index(), withScores: withScores)
        case 5: return .sortedSetScore(key: key, member: value())
        case 6: return .sortedSetAdd(key: sameScores, entries: some { StoreEntry($0.value(), score: 0) })
        case 7:
            return .sortedSetRangeByMember(
                key: sameScores, after: pick([nil, value()]), limit: pick([0, 1, 3, -1]))
        default: return .sortedSetCount(key: key)
        }
    }

    private mutating func stream() -> StoreOperation {
        let key = key(of: "stream")
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1, 2, 3:
            let lengthMax = pick([nil, nil, 0, 3, 9, -1])
            return .streamAppend(
                key: key, id: id(), pairs: some { StorePair($0.value(), $0.value()) }, lengthMax: lengthMax)
        case 4: return .streamRange(key: key, first: id(), last: id(), limit: pick([nil, 0, 2, 100, -3]))
        case 5: return .streamReverseRange(key: key, last: id(), first: id(), limit: pick([nil, 0, 2, 100, -3]))
        default: return .streamTrim(key: key, lengthMax: pick([0, 2, 4, 8, -1]))
        }
    }

    private mutating func key() -> StoreOperation {
        let key = key(of: pick(["string", "hash", "list", "sorted", "stream"]))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return .delete(keys: Bool.random(using: &random) ? [key, key, self.key(of: "list")] : [key])
        case 1: return .exists(keys: [key, key, self.key(of: "hash")])
        case 2: return .expire(key: key, milliseconds: pick(Self.longSpans + [0, -1, .min + 1]))
        case 3: return .timeToLive(key: key)
        default: return .publish(channel: key, payload: value())
        }
    }

    private mutating func script() -> StoreOperation {
        let keys = [key(of: "string"), key(of: "list")]
        return .script(sampleScript, keys: keys, arguments: [value(), pick([[0x31], [0x78]])])
    }

    /// Of the type that an operation is for, or now and then of another one.
    private mutating func key(of type: String) -> [UInt8] {
        let isOther = Int.random(in: 0..<20, using: &random) == 0
        let type = isOther ? pick(["string", "hash", "list", "sorted", "stream"]) : type
        return Array("\(type) \(Int.random(in: 0..<3, using: &random))".utf8)
    }

    private mutating func some<Element>(_ make: (inout Self) -> Element) -> [Element] {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in make(&self) }
    }

    private mutating func value() -> [UInt8] { pick(Self.values) }

    private mutating func index() -> Int { pick([0, 1, 2, 5, 99, -1, -2, -3, -99, .max, .min]) }

    private mutating func score() -> Int { pick([0, 1, -1, 2, 7, 1 << 53, -(1 << 53), 1_800_000_000_000]) }

    private mutating func id() -> StreamID {
        if Int.random(in: 0..<500, using: &random) == 0 { return .highest }
        return StreamID(UInt64.random(in: 0..<40, using: &random), UInt64.random(in: 0..<3, using: &random))
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements.randomElement(using: &random)!
    }
}

/// Appends a value unless the guard key is there; a wish "x" is refused. Shows each kind of reply.
let sampleScript = StoreScript(
    name: "sample",
    lua: Array(
        """
        if ARGV[2] == 'x' then return redis.error_reply('NOPE not today') end
        if redis.call('EXISTS', KEYS[1]) == 1 then return {1, redis.call('PTTL', KEYS[1]) > 0 and 'timed' or 'kept'} end
        local length = redis.call('RPUSH', KEYS[2], ARGV[1])
        if length > 5 then return redis.call('LPOP', KEYS[2]) end
        return length
        """.utf8)
) { operations, keys, arguments throws(StoreFault) in
    if arguments[1] == [UInt8(ascii: "x")] { return .error(code: "NOPE", message: "not today") }
    if try operations.call(.exists(keys: [keys[0]])) == .integer(1) {
        let left = try operations.call(.timeToLive(key: keys[0]))
        if case .integer(let left) = left, left > 0 { return .array([.integer(1), .bytes(Array("timed".utf8))]) }
        return .array([.integer(1), .bytes(Array("kept".utf8))])
    }
    let length = try operations.call(.listAppend(key: keys[1], values: [arguments[0]]))
    if case .integer(let length) = length, length > 5 { return try operations.call(.listRemoveFirst(key: keys[1])) }
    return length
}
