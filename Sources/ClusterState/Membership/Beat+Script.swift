extension Beat {
    /// The script `beat.lua`, and the same in Swift.
    package static let script = StoreScript(name: "beat", lua: PackageResources.beat_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (channel, boot, record) = (arguments[0], arguments[1], arguments[2])
        let expiry = LogCommit.number(arguments[3])
        let now = try time(operations)
        guard case .array(let nodes) = try operations.call(.hashGetAll(key: keys[0])) else {
            preconditionFailure("HGETALL answers with an array")
        }
        var since = now
        var others: [StoreReply] = []
        for index in stride(from: 0, to: nodes.count, by: 2) {
            guard case .bytes(let other) = nodes[index], case .bytes(let value) = nodes[index + 1] else { continue }
            let beat = times(value)
            let isAlive = isAlive(value, at: now, expiry: expiry)
            if other == boot {
                if isAlive, let known = beat?.since { since = known }
            } else if isAlive {
                others += [nodes[index], nodes[index + 1]]
            } else {
                _ = try operations.call(.hashDelete(key: keys[0], fields: [other]))
            }
        }
        let value = Array("\(now) \(since) ".utf8) + record
        _ = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(boot, value)]))
        _ = try operations.call(.expire(key: keys[0], milliseconds: expiry * 10))
        if !channel.isEmpty { _ = try operations.call(.publish(channel: channel, payload: boot)) }
        return .array([.integer(now), .integer(since)] + others)
    }

    /// The store's clock, in Unix milliseconds.
    static func time(_ operations: any StoreOperations) throws(StoreFault) -> Int {
        guard case .array(let clock) = try operations.call(.time), clock.count == 2,
            let seconds = Stored.number(clock[0]), let microseconds = Stored.number(clock[1])
        else { preconditionFailure("TIME answers with two numbers") }
        return seconds * 1000 + microseconds / 1000
    }

    /// Whether what the hash has of a node is a sign of life.
    static func isAlive(_ value: [UInt8], at now: Int, expiry: Int) -> Bool {
        times(value).map { abs(now - $0.beat) <= expiry } ?? false
    }

    /// The time of the last beat, since when the node has been known (nil: no number), and what is behind them.
    static func times(_ value: [UInt8]) -> (beat: Int, since: Int?, record: ArraySlice<UInt8>)? {
        func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
        let first = value.prefix(while: isDigit)
        guard let beat = Stored.number(first) else { return nil }
        let second = value[first.endIndex...].dropFirst().prefix(while: isDigit)
        let rest = value[second.endIndex...]
        guard value[first.endIndex...].first == 0x20, rest.first == 0x20 else { return (beat, nil, rest) }
        return (beat, Stored.number(second), rest.dropFirst())
    }
}
