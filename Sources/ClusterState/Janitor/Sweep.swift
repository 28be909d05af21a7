import Core

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

    /// A user who was taken away from a room, or from those who are online.
    package struct Removal: Equatable, Sendable {
        package let user: Identifier
        package let verdict: PresenceVerdict
    }

    package struct Outcome: Equatable, Sendable {
        package let removed: Int
        /// Those whose names are such, of the removed ones.
        package let removals: [Removal]
        /// Runs of nodes that are neither gone nor known to live, as those that are said to be gone and beat; of very
        /// many, some.
        package let unknown: [String]
        /// Where the next part of the key begins; nil at the end.
        package let next: [UInt8]?
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
        // Ids and names of others may end as these keys do.
        let found = keys.compactMap { key -> [UInt8]? in
            if case .bytes(let bytes) = key, LogKeys.tag(ofMembers: bytes) != nil { bytes } else { nil }
        }
        return (found, cursor == start ? nil : cursor)
    }

    /// How long things are kept, in milliseconds.
    package struct Spans: Sendable {
        /// A session, after the last connection went.
        let sessionTTL: Int
        /// A node that does not beat.
        let nodeExpiry: Int

        package init(sessionTTL: Int, nodeExpiry: Int) {
            self.sessionTTL = sessionTTL
            self.nodeExpiry = nodeExpiry
        }
    }

    /// Sweeps a part of one of these keys.
    /// - Parameter cursor: `start`, or what the last answer gave.
    package static func operation(
        _ key: [UInt8], from cursor: [UInt8] = start, _ nodes: Nodes, _ spans: Spans
    ) -> StoreOperation {
        let tag = Array(key.dropLast(suffix.count))
        return .script(
            script,
            keys: [key, tag + Array(":session".utf8), Beat.nodesKey] + nodes.gone.map(RoomPresence.sweptKey),
            arguments: [
                tag, cursor, LogCommit.digits(spans.sessionTTL), LogCommit.digits(spans.nodeExpiry),
                LogCommit.digits(nodes.gone.count),
            ] + (nodes.gone + nodes.living).map { Array($0.utf8) })
    }

    /// Reads the store's answer; nil when it is none that the script gives.
    package static func answer(_ reply: StoreReply) -> Outcome? {
        guard case .array(let parts) = reply, parts.count >= 3, case .bytes(let cursor) = parts[0],
            let removed = Stored.number(parts[1]), case .array(let left) = parts[2]
        else { return nil }
        let removals = stride(from: 0, to: left.count - 1, by: 2).compactMap { index -> Removal? in
            guard case .bytes(let name) = left[index], let verdict = PresenceVerdict(left[index + 1]),
                let user = name.withUnsafeBytes({ Identifier(validating: $0) })
            else { return nil }
            return Removal(user: user, verdict: verdict)
        }
        return Outcome(
            removed: removed, removals: removals, unknown: parts.dropFirst(3).compactMap(Stored.text),
            next: cursor == start ? nil : cursor)
    }

    private static let prefix = Array("sluice:{".utf8)
    private static let suffix = LogKeys.membersSuffix

    /// The script `sweep.lua`, and the same in Swift.
    package static let script = StoreScript(name: "sweep", lua: PackageResources.sweep_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (now, expiry) = (try Beat.time(operations), LogCommit.number(arguments[3]))
        var (gone, living): (Set<[UInt8]>, Set<[UInt8]>) = ([], [])
        for (index, boot) in arguments.dropFirst(5).enumerated() {
            let beat = try operations.call(.hashGet(key: keys[2], field: boot))
            let isAlive =
                if case .bytes(let value) = beat { Beat.isAlive(value, at: now, expiry: expiry) } else { false }
            let isSaidGone = index < LogCommit.number(arguments[4])
            if isSaidGone, !isAlive { gone.insert(boot) }
            if !isSaidGone { living.insert(boot) }
        }
        let boots = try RoomPresence.fields(operations, keys[2]) + arguments.dropFirst(5)
        var removed = 0
        var left: [StoreReply] = []
        var unknown: Set<String> = []
        for field in try RoomPresence.fields(operations, keys[0]) {
            let boot = Array(field.prefix { $0 != 0x0A })
            if gone.contains(boot) {
                _ = try operations.call(.hashDelete(key: keys[0], fields: [field]))
                _ = try operations.call(
                    .publish(channel: arguments[0], payload: RoomPresence.mark + field + [0x0A]))
                let swept = RoomPresence.sweptKey(String(decoding: boot, as: UTF8.self))
                _ = try operations.call(.set(key: swept, value: Array("1".utf8), expiry: 86_400_000))
                removed += 1
                let (user, others) = (field.drop { $0 != 0x0A }, try RoomPresence.fields(operations, keys[0]))
                var verdict: PresenceVerdict = [.changed]
                if others.isEmpty { verdict.formUnion(.levels) }
                if !boots.contains(where: { $0 != boot && others.contains($0 + user) }) { verdict.insert(.alone) }
                left += [.bytes(Array(user.dropFirst())), .integer(verdict.rawValue)]
            } else if !living.contains(boot) {
                unknown.insert(String(decoding: boot, as: UTF8.self))
            }
        }
        let isEmpty = try operations.call(.exists(keys: [keys[0]])) == .integer(0)
        let hasSession = try operations.call(.exists(keys: [keys[1]])) == .integer(1)
        if removed > 0, isEmpty, hasSession {
            let last = StorePair(Array("last".utf8), LogCommit.digits(now))
            _ = try operations.call(.hashSet(key: keys[1], pairs: [last]))
            _ = try operations.call(.expire(key: keys[1], milliseconds: LogCommit.number(arguments[2])))
        }
        return .array(
            [.bytes(start), .integer(removed), .array(left)] + unknown.sorted().map { .bytes(Array($0.utf8)) })
    }
}
