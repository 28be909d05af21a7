/// The twin of the Lua scripts on locks, word for word: what they do is described there.
struct LockTwin {
    let operations: any StoreOperations
    let keys: [[UInt8]]
    let arguments: [[UInt8]]

    private var owner: [UInt8] { arguments[0] }

    func enter() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        let left = max(0, entered.ends - entered.now)
        return .array([.integer(entered.generation), .integer(left), .integer(entered.token)])
    }

    func acquire() throws(StoreFault) -> StoreReply {
        let (ttl, entered) = (number(3), try entering())
        let first = try head(entered.now)
        if number(6) == 1, entered.now < entered.ends {
            return try queue("quarantine", entered.ends - entered.now, first, entered.now)
        }
        let held = try hash(keys[1], "owner", "token")
        if held[0] == owner {
            _ = try operations.call(.expire(key: keys[1], milliseconds: ttl))
            return answer("granted", Self.number(held[1]), entered.generation)
        }
        if held[0] != nil {
            guard case .integer(let left) = try operations.call(.timeToLive(key: keys[1])) else { return .null }
            return try queue("waiting", left, first, entered.now)
        }
        if let first, first != owner {
            try wake(first)
            return try queue("waiting", ttl, first, entered.now)
        }
        if first != nil {
            _ = try operations.call(.listRemoveFirst(key: keys[2]))
            _ = try operations.call(.hashDelete(key: keys[3], fields: [owner]))
        }
        let token = max(entered.token + 1, entered.micros)
        try set(keys[0], ("token", decimal(token)))
        try set(keys[1], ("owner", owner), ("token", decimal(token)))
        _ = try operations.call(.expire(key: keys[1], milliseconds: ttl))
        return answer("granted", token, entered.generation)
    }

    func renew() throws(StoreFault) -> StoreReply {
        if try entering().generation != number(4) { return answer("changed") }
        if try hash(keys[1], "owner")[0] != owner { return answer("lost") }
        _ = try operations.call(.expire(key: keys[1], milliseconds: number(3)))
        return answer("renewed")
    }

    func reclaim() throws(StoreFault) -> StoreReply {
        let (token, entered) = (number(4), try entering())
        if entered.now >= entered.ends { return answer("lost") }
        if Self.number(try hash(keys[1], "token")[0]) > token { return answer("lost") }
        try set(keys[1], ("owner", owner), ("token", decimal(token)))
        _ = try operations.call(.expire(key: keys[1], milliseconds: number(3)))
        return answer("granted", token, entered.generation)
    }

    func held() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        let held = try hash(keys[1], "owner", "token")
        guard let holder = held[0], let token = held[1].flatMap({ Stored.number($0) }),
            owner.split(separator: 0x20).contains(holder[...])
        else { return answer("lost") }
        return answer("granted", token, entered.generation)
    }

    func release() throws(StoreFault) -> StoreReply {
        let isHolder = try hash(keys[1], "owner")[0] == owner
        if isHolder { _ = try operations.call(.delete(keys: [keys[1]])) }
        if try operations.call(.hashDelete(key: keys[3], fields: [owner])) == .integer(1) {
            _ = try operations.call(.listRemove(key: keys[2], count: 0, value: owner))
        }
        if let first = try head(try GenerationTwin.micros(operations) / 1000),
            try operations.call(.exists(keys: [keys[1]])) == .integer(0)
        {
            try wake(first)
        }
        return .integer(isHolder ? 1 : 0)
    }

    private func entering() throws(StoreFault) -> GenerationTwin {
        try GenerationTwin.enter(operations, keys[0], highest: number(1), quarantine: number(2))
    }

    private func queue(_ word: String, _ span: Int, _ head: [UInt8]?, _ now: Int) throws(StoreFault) -> StoreReply {
        var first = head
        let waiterExpiry = number(4)
        if waiterExpiry > 0 {
            if try hash(keys[3], owner)[0] == nil {
                if case .integer(let length) = try operations.call(.listLength(key: keys[2])), length >= number(5) {
                    return answer("full")
                }
                _ = try operations.call(.listAppend(key: keys[2], values: [owner]))
                first = first ?? owner
            }
            _ = try operations.call(.hashSet(key: keys[3], pairs: [StorePair(owner, decimal(now + waiterExpiry))]))
            _ = try operations.call(.expire(key: keys[2], milliseconds: waiterExpiry))
            _ = try operations.call(.expire(key: keys[3], milliseconds: waiterExpiry))
        }
        return answer(word, span, first == owner ? 1 : 0)
    }

    private func head(_ now: Int) throws(StoreFault) -> [UInt8]? {
        while case .array(let found) = try operations.call(.listRange(key: keys[2], start: 0, stop: 0)),
            case .bytes(let first)? = found.first
        {
            if Self.number(try hash(keys[3], first)[0]) >= now { return first }
            _ = try operations.call(.listRemoveFirst(key: keys[2]))
            _ = try operations.call(.hashDelete(key: keys[3], fields: [first]))
        }
        return nil
    }

    private func wake(_ waiter: [UInt8]) throws(StoreFault) {
        let slash = waiter.lastIndex(of: UInt8(ascii: "/")) ?? waiter.endIndex
        _ = try operations.call(.publish(channel: Array(waiter[..<slash]), payload: waiter))
    }

    private func hash(_ key: [UInt8], _ fields: String...) throws(StoreFault) -> [[UInt8]?] {
        try values(key, fields.map { Array($0.utf8) })
    }

    private func hash(_ key: [UInt8], _ field: [UInt8]) throws(StoreFault) -> [[UInt8]?] {
        try values(key, [field])
    }

    private func values(_ key: [UInt8], _ fields: [[UInt8]]) throws(StoreFault) -> [[UInt8]?] {
        guard case .array(let found) = try operations.call(.hashGetSome(key: key, fields: fields)) else { return [] }
        return found.map { if case .bytes(let bytes) = $0 { bytes } else { nil } }
    }

    private func set(_ key: [UInt8], _ pairs: (String, [UInt8])...) throws(StoreFault) {
        _ = try operations.call(.hashSet(key: key, pairs: pairs.map { StorePair(Array($0.0.utf8), $0.1) }))
    }

    private func number(_ place: Int) -> Int {
        Int(String(decoding: arguments[place], as: UTF8.self)) ?? 0
    }

    private static func number(_ bytes: [UInt8]?) -> Int {
        bytes.flatMap { Stored.number($0) } ?? 0
    }

    private func answer(_ word: String, _ numbers: Int...) -> StoreReply {
        .array([.bytes(Array(word.utf8))] + numbers.map { .integer($0) })
    }
}
