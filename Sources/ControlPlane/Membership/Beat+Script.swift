extension Beat {
    /// The script `beat.lua`, and the same in Swift.
    package static let script = StoreScript(name: "beat", lua: PackageResources.beat_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (channel, boot, record) = (arguments[0], arguments[1], arguments[2])
        let expiry = number(arguments[3]) ?? 0
        let now = try time(operations)
        guard case .array(let nodes) = try operations.call(.hashGetAll(key: keys[0])) else {
            preconditionFailure("HGETALL answers with an array")
        }
        var answer = [StoreReply.integer(now), .integer(0)]
        for index in stride(from: 0, to: nodes.count, by: 2) {
            guard case .bytes(let other) = nodes[index], case .bytes(let value) = nodes[index + 1] else { continue }
            let beat = number(Array(value.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }))
            if other == boot {
                answer[1] = .integer(1)
            } else if beat.map({ abs(now - $0) > expiry }) ?? true {
                _ = try operations.call(.hashDelete(key: keys[0], fields: [other]))
            } else {
                answer += [nodes[index], nodes[index + 1]]
            }
        }
        let value = Array("\(now) ".utf8) + record
        _ = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(boot, value)]))
        _ = try operations.call(.expire(key: keys[0], milliseconds: expiry * 10))
        if !channel.isEmpty { _ = try operations.call(.publish(channel: channel, payload: boot)) }
        return .array(answer)
    }

    private static func time(_ operations: any StoreOperations) throws(StoreFault) -> Int {
        guard case .array(let clock) = try operations.call(.time), clock.count == 2,
            case .bytes(let seconds) = clock[0], case .bytes(let microseconds) = clock[1]
        else { preconditionFailure("TIME answers with two numbers") }
        return (number(seconds) ?? 0) * 1000 + (number(microseconds) ?? 0) / 1000
    }

    private static func number(_ text: [UInt8]) -> Int? { Int(String(decoding: text, as: UTF8.self)) }
}
