import Foundations

/// Who is in a room on which node, as the store has it: one field for each node and user.
package enum RoomPresence {
    /// A room in which nothing changes for so long is empty, or its nodes are gone.
    private static let keptMilliseconds = 30 * 86_400_000
    /// The first byte of a publication; no epoch begins with it.
    private static let mark = UInt8(ascii: "@")

    /// A change, as it is published.
    package struct Change: Equatable, Sendable {
        /// The run of the node.
        package let boot: String
        package let user: Identifier
        /// What the node says of the user; empty when the user is not there any more.
        package let record: [UInt8]

        package init(boot: String, user: Identifier, record: [UInt8]) {
            self.boot = boot
            self.user = user
            self.record = record
        }
    }

    /// Says what a node's user is in a room with; an empty record takes the user out.
    package static func operation(_ keys: LogKeys, boot: String, user: Identifier, record: [UInt8]) -> StoreOperation {
        .script(
            script, keys: [keys.members],
            arguments: [keys.channel, LogCommit.digits(keptMilliseconds), field(boot, user), record])
    }

    /// Asks for all that is known.
    package static func all(_ keys: LogKeys) -> StoreOperation { .hashGetAll(key: keys.members) }

    /// Reads what `all` brought; nil when it is something else.
    package static func entries(_ reply: StoreReply) -> [Change]? {
        guard case .array(let parts) = reply, parts.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: parts.count, by: 2).compactMap { index in
            guard case .bytes(let field) = parts[index], case .bytes(let record) = parts[index + 1] else { return nil }
            return change(field[...], record)
        }
    }

    /// Reads a publication; nil when it is none of presence.
    package static func publication(_ payload: [UInt8]) -> Change? {
        guard payload.first == mark else { return nil }
        let text = payload.dropFirst()
        guard let first = text.firstIndex(of: 0x0A), let second = text[(first + 1)...].firstIndex(of: 0x0A) else {
            return nil
        }
        return change(text[..<second], Array(text[(second + 1)...]))
    }

    private static func field(_ boot: String, _ user: Identifier) -> [UInt8] {
        Array(boot.utf8) + [0x0A] + Array(user.text.utf8)
    }

    private static func change(_ field: ArraySlice<UInt8>, _ record: [UInt8]) -> Change? {
        guard let end = field.firstIndex(of: 0x0A),
            let user = field[(end + 1)...].withUnsafeBytes({ Identifier(validating: $0) })
        else { return nil }
        return Change(boot: String(decoding: field[..<end], as: UTF8.self), user: user, record: record)
    }

    /// The script `presence.lua`, and the same in Swift.
    package static let script = StoreScript(name: "presence", lua: PackageResources.presence_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (field, record) = (arguments[2], arguments[3])
        if record.isEmpty {
            let removed = try operations.call(.hashDelete(key: keys[0], fields: [field]))
            if removed == .integer(0) { return .integer(0) }
        } else {
            _ = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(field, record)]))
            let kept = Int(String(decoding: arguments[1], as: UTF8.self)) ?? 0
            _ = try operations.call(.expire(key: keys[0], milliseconds: kept))
        }
        let payload = [mark] + field + [0x0A] + record
        _ = try operations.call(.publish(channel: arguments[0], payload: payload))
        return .integer(1)
    }
}
