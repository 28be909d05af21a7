/// Takes away what nodes that are gone have left of one room's or user's presence.
package enum Sweep {
    /// The nodes of the cluster by their runs, as far as it is known.
    package struct Nodes: Sendable, Equatable {
        package let gone: [String]
        package let living: [String]

        package init(gone: [String], living: [String]) {
            self.gone = gone
            self.living = living
        }
    }

    package struct Answer: Equatable, Sendable {
        package let removed: Int
        /// Runs of nodes that are neither gone nor known to live.
        package let unknown: [String]
    }

    /// Asks for the keys to be swept, a part at a time.
    /// - Parameter cursor: `start`, or what the last answer gave.
    package static func keys(from cursor: [UInt8]) -> StoreOperation {
        .scan(cursor: cursor, prefix: prefix, suffix: suffix, count: 500)
    }

    package static let start = Array("0".utf8)

    /// Reads a part: the keys, and where the next part begins; nil at the end.
    package static func page(_ reply: StoreReply) -> (keys: [[UInt8]], next: [UInt8]?)? {
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let cursor) = parts[0],
            case .array(let keys) = parts[1]
        else { return nil }
        let found = keys.compactMap { key -> [UInt8]? in
            if case .bytes(let bytes) = key { bytes } else { nil }
        }
        return (found, cursor == start ? nil : cursor)
    }

    /// Sweeps one of these keys.
    /// - Parameters:
    ///   - now: Unix milliseconds.
    ///   - sessionTTL: how long a session is kept after the last connection went, in milliseconds.
    package static func operation(_ key: [UInt8], _ nodes: Nodes, at now: Int, sessionTTL: Int) -> StoreOperation {
        let tag = Array(key.dropLast(suffix.count))
        return .script(
            script, keys: [key, tag + Array(":session".utf8)],
            arguments: [
                tag, LogCommit.digits(now), LogCommit.digits(sessionTTL), LogCommit.digits(nodes.gone.count),
            ] + (nodes.gone + nodes.living).map { Array($0.utf8) })
    }

    /// Reads the store's answer; nil when it is none that the script gives.
    package static func answer(_ reply: StoreReply) -> Answer? {
        guard case .array(let parts) = reply, case .integer(let removed)? = parts.first else { return nil }
        let unknown = parts.dropFirst().compactMap { part -> String? in
            if case .bytes(let boot) = part { String(decoding: boot, as: UTF8.self) } else { nil }
        }
        return Answer(removed: removed, unknown: unknown)
    }

    private static let prefix = Array("sluice:{".utf8)
    private static let suffix = Array(":members".utf8)

    /// The script `sweep.lua`, and the same in Swift.
    package static let script = StoreScript(name: "sweep", lua: PackageResources.sweep_lua) {
        operations, keys, arguments throws(StoreFault) in
        let goneCount = LogCommit.number(arguments[3])
        let gone = Set(arguments.dropFirst(4).prefix(goneCount))
        let living = Set(arguments.dropFirst(4 + goneCount))
        guard case .array(let parts) = try operations.call(.hashGetAll(key: keys[0])) else {
            preconditionFailure("HGETALL answers with an array")
        }
        var removed = 0
        var unknown: Set<String> = []
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            guard case .bytes(let field) = parts[index] else { continue }
            let boot = Array(field.prefix { $0 != 0x0A })
            if gone.contains(boot) {
                _ = try operations.call(.hashDelete(key: keys[0], fields: [field]))
                _ = try operations.call(
                    .publish(channel: arguments[0], payload: Array("@".utf8) + field + Array("\n".utf8)))
                removed += 1
            } else if !living.contains(boot) {
                unknown.insert(String(decoding: boot, as: UTF8.self))
            }
        }
        let isEmpty = try operations.call(.exists(keys: [keys[0]])) == .integer(0)
        let hasSession = try operations.call(.exists(keys: [keys[1]])) == .integer(1)
        if removed > 0, isEmpty, hasSession {
            _ = try operations.call(.hashSet(key: keys[1], pairs: [StorePair(Array("last".utf8), arguments[1])]))
            _ = try operations.call(.expire(key: keys[1], milliseconds: LogCommit.number(arguments[2])))
        }
        return .array([.integer(removed)] + unknown.sorted().map { .bytes(Array($0.utf8)) })
    }
}
