/// The twin of the Lua scripts on links, word for word: what they do is described there.
struct LinkTwin {
    let operations: any StoreOperations
    let keys: [[UInt8]]
    let arguments: [[UInt8]]

    private static let space = UInt8(ascii: " ")
    private static let hourMicros = 3_600_000_000

    private var boot: [UInt8] { arguments[0] }
    private var definitions: [UInt8] { keys[2] }
    private var owners: [UInt8] { keys[3] }

    func beat() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        if arguments[3].isEmpty {
            _ = try operations.call(.hashDelete(key: keys[1], fields: [boot]))
        } else {
            try set(keys[1], boot, decimal(entered.micros) + [Self.space] + arguments[3])
            _ = try operations.call(.expire(key: keys[1], milliseconds: LinkLimits.leasesKeptMilliseconds))
        }
        for index in stride(from: 4, to: arguments.count, by: 2)
        where try get(keys[1], arguments[index]) == arguments[index + 1] {
            _ = try operations.call(.hashDelete(key: keys[1], fields: [arguments[index]]))
        }
        let versions = [try version("defined"), try version("owned")]
        return .array(start(entered) + versions.map { .integer($0) } + (try all(keys[1])))
    }

    func read() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        let isDefined = arguments[3] == Array("defined".utf8)
        let version = try version(isDefined ? "defined" : "owned")
        return .array(start(entered) + [.integer(version)] + (try all(isDefined ? definitions : owners)))
    }

    func claim() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        var token = entered.token
        let before = try version("owned")
        var after = before
        var given: [StoreReply] = []
        let isAlive = try get(keys[1], boot) != nil
        for index in stride(from: 4, to: arguments.count, by: 4) {
            let (id, own) = (arguments[index], Stored.number(arguments[index + 3]))
            let current = try get(owners, id) ?? []
            var result = 0
            if isAlive, let own {
                if entered.now < entered.ends, Self.token(current) ?? 0 <= own { result = own }
            } else if isAlive, entered.now >= entered.ends, current == arguments[index + 1],
                try get(definitions, id) != nil
            {
                let lease = try get(keys[1], Self.boot(current) ?? []) ?? []
                if current.isEmpty || lease == arguments[index + 2] {
                    token = max(token + 1, entered.micros)
                    result = token
                }
            }
            if result > 0 {
                try set(owners, id, boot + [Self.space] + decimal(result) + [Self.space] + arguments[3])
                after = max(before + 1, entered.micros)
            }
            given.append(.integer(result))
        }
        if after > before {
            try set(keys[0], Array("token".utf8), decimal(token))
            try ownersChanged(after)
        }
        return .array([.integer(entered.generation), .integer(before), .integer(after)] + given)
    }

    func release() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        let before = try version("owned")
        var after = before
        for index in stride(from: 3, to: arguments.count, by: 2) {
            let prefix = boot + [Self.space] + arguments[index + 1] + [Self.space]
            if try get(owners, arguments[index])?.starts(with: prefix) ?? false {
                _ = try operations.call(.hashDelete(key: owners, fields: [arguments[index]]))
                after = max(before + 1, entered.micros)
            }
        }
        if after > before { try ownersChanged(after) }
        return .array([.integer(entered.generation), .integer(before), .integer(after)])
    }

    func report() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        var written = 0
        for index in stride(from: 3, to: arguments.count, by: 3) {
            let prefix = boot + [Self.space] + arguments[index + 1] + [Self.space]
            guard try get(owners, arguments[index])?.starts(with: prefix) ?? false else { continue }
            try set(keys[5], arguments[index], arguments[index + 2])
            written += 1
        }
        return .array([.integer(entered.generation), .integer(written)])
    }

    func define() throws(StoreFault) -> StoreReply {
        let entered = try entering()
        let version = max(try self.version("defined") + 1, entered.micros)
        var results: [StoreReply] = []
        var isChanged = false
        for index in stride(from: 4, to: arguments.count, by: 3) {
            let result = try define(arguments[index], arguments[index + 1], arguments[index + 2], version, entered)
            isChanged = isChanged || result > 0
            results.append(.integer(result))
        }
        if isChanged {
            try set(keys[4], Array("defined".utf8), decimal(version))
            _ = try operations.call(.publish(channel: owners, payload: boot))
        }
        return .array([.integer(entered.generation)] + results)
    }

    private func define(
        _ id: [UInt8], _ condition: [UInt8], _ text: [UInt8], _ version: Int, _ entered: GenerationTwin
    ) throws(StoreFault) -> Int {
        let current = try get(definitions, id) ?? Array("0 ".utf8)
        let stored = Self.leadingNumber(current) ?? 0
        if condition == Array("older".utf8) {
            let copied = Self.leadingNumber(text) ?? 0
            guard copied > stored else { return 0 }
            try set(definitions, id, text)
            return copied
        }
        var rest = current.drop { $0 &- 0x30 < 10 }
        if rest.first == Self.space { rest = rest.dropFirst() }
        let isThere = !rest.isEmpty
        guard isThere == (condition == Array("present".utf8)) else { return 0 }
        let isNew = !isThere && stored == 0
        let most = Stored.number(arguments[3]) ?? 0
        if isNew, try count() >= most { try forgetDeleted(entered) }
        if isNew, try count() >= most { return -1 }
        try set(definitions, id, decimal(version) + [Self.space] + text)
        if text.isEmpty {
            for key in keys[5...] { _ = try operations.call(.hashDelete(key: key, fields: [id])) }
        }
        return version
    }

    private func forgetDeleted(_ entered: GenerationTwin) throws(StoreFault) {
        let found = try all(definitions)
        for index in stride(from: 0, to: found.count, by: 2) {
            guard case .bytes(let id) = found[index], case .bytes(let text) = found[index + 1],
                let version = Self.leadingNumber(text), text.count == decimal(version).count + 1,
                entered.micros - version > Self.hourMicros
            else { continue }
            _ = try operations.call(.hashDelete(key: definitions, fields: [id]))
        }
    }

    private func entering() throws(StoreFault) -> GenerationTwin {
        let (highest, quarantine) = (Stored.number(arguments[1]) ?? 0, Stored.number(arguments[2]) ?? 0)
        return try GenerationTwin.enter(operations, keys[0], highest: highest, quarantine: quarantine)
    }

    private func start(_ entered: GenerationTwin) -> [StoreReply] {
        [.integer(entered.generation), .integer(max(0, entered.ends - entered.now))]
    }

    private func ownersChanged(_ version: Int) throws(StoreFault) {
        try set(keys[4], Array("owned".utf8), decimal(version))
        _ = try operations.call(.publish(channel: owners, payload: boot))
    }

    private func version(_ name: String) throws(StoreFault) -> Int {
        try get(keys[4], Array(name.utf8)).flatMap { Stored.number($0) } ?? 0
    }

    private func count() throws(StoreFault) -> Int { try all(definitions).count / 2 }

    private func get(_ key: [UInt8], _ field: [UInt8]) throws(StoreFault) -> [UInt8]? {
        if case .bytes(let value) = try operations.call(.hashGet(key: key, field: field)) { value } else { nil }
    }

    private func set(_ key: [UInt8], _ field: [UInt8], _ value: [UInt8]) throws(StoreFault) {
        _ = try operations.call(.hashSet(key: key, pairs: [StorePair(field, value)]))
    }

    private func all(_ key: [UInt8]) throws(StoreFault) -> [StoreReply] {
        if case .array(let found) = try operations.call(.hashGetAll(key: key)) { found } else { [] }
    }

    // MARK: Patterns

    /// `^(%d+) `
    private static func leadingNumber(_ text: [UInt8]) -> Int? {
        let digits = text.prefix { $0 &- 0x30 < 10 }
        return text[digits.endIndex...].first == space ? Stored.number(digits) : nil
    }

    /// `^(%S+) `, up to the first space.
    private static func boot(_ owner: [UInt8]) -> [UInt8]? {
        guard let end = owner.firstIndex(of: space), end > 0 else { return nil }
        return Array(owner[..<end])
    }

    /// `^%S+ (%d+) `
    private static func token(_ owner: [UInt8]) -> Int? {
        boot(owner).flatMap { leadingNumber(Array(owner[($0.count + 1)...])) }
    }
}
