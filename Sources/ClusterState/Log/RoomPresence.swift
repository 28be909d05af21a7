import Core

/// Who is in a room on which node, as the store has it: one field for each node and user.
package enum RoomPresence {
    /// A room in which nothing changes for so long is empty, or its nodes are gone.
    private static let keptMilliseconds = 30 * 86_400_000
    /// Begins a publication; the digit is its format.
    static let mark = Array("@1\n".utf8)
    /// Entries that one question brings, about: Redis and the reader are done with them in a millisecond.
    private static let pageCount = 500

    /// A change, as it is published.
    package struct Change: Equatable, Sendable {
        /// The run of the node.
        package let boot: String
        package let user: Identifier
        /// The node's record of the user; empty when the user is not there any more.
        package let record: [UInt8]

        package init(boot: String, user: Identifier, record: [UInt8]) {
            self.boot = boot
            self.user = user
            self.record = record
        }
    }

    /// A part of what is known.
    package struct Page: Equatable, Sendable {
        package let entries: [Change]
        /// Where the next part begins; nil at the end.
        package let next: [UInt8]?
    }

    /// How a verdict is asked for.
    package enum Question: Sendable {
        /// Whether the user is there by another node: of these the store may not know, as they died.
        case inRoom(others: [String])
        /// Whether anybody else is there is enough.
        case ofUser
    }

    /// Says what a node's user is in a room with; an empty record takes the user out.
    /// - Parameter question: what the change means for the cluster is asked, too; the answer is a `PresenceVerdict`.
    package static func operation(
        _ keys: LogKeys, boot: String, user: Identifier, record: [UInt8], asking question: Question? = nil
    ) -> StoreOperation {
        var arguments = [keys.channel, LogCommit.digits(keptMilliseconds), field(boot, user), record]
        switch question {
        case nil: break
        case .ofUser: arguments.append(Array("user".utf8))
        case .inRoom(let others): arguments += ["room"].map { Array($0.utf8) } + others.map { Array($0.utf8) }
        }
        // Keys that lie elsewhere only where they are needed.
        let others = question == nil ? [] : [LogKeys.beats, sweptKey(boot)]
        return .script(script, keys: [keys.members] + others, arguments: arguments)
    }

    /// Says that a node's users were taken away: it may live, and learn of it.
    static func sweptKey(_ boot: String) -> [UInt8] { Array("sluice:swept:\(boot)".utf8) }

    // MARK: Reading

    /// Where the first part begins.
    package static let start = Array("0".utf8)

    /// Asks for a part of what is known. Who is in all the time while the parts are read is in one of them at least.
    /// - Parameter cursor: `start`, or what the last part gave.
    package static func page(_ keys: LogKeys, from cursor: [UInt8]) -> StoreOperation {
        .script(pageScript, keys: [keys.members], arguments: [cursor, LogCommit.digits(pageCount)])
    }

    /// Reads what `page` brought; nil when it is something else. What can't be read in it is passed over.
    package static func page(_ reply: StoreReply) -> Page? {
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let cursor) = parts[0],
            case .array(let pairs) = parts[1]
        else { return nil }
        let entries = stride(from: 0, to: pairs.count - 1, by: 2).compactMap { index -> Change? in
            guard case .bytes(let field) = pairs[index], case .bytes(let record) = pairs[index + 1], !record.isEmpty
            else { return nil }
            return change(field[...], record)
        }
        return Page(entries: entries, next: cursor == start ? nil : cursor)
    }

    /// Reads a publication; nil when it is none of presence, or of another format.
    package static func publication(_ payload: [UInt8]) -> Change? {
        guard payload.starts(with: mark) else { return nil }
        let text = payload.dropFirst(mark.count)
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

    // MARK: Scripts

    /// The script `presence.lua`, and the same in Swift.
    package static let script = StoreScript(name: "presence", lua: PackageResources.presence_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (field, record) = (arguments[2], arguments[3])
        let isAsked = arguments.count > 4
        let changed: StoreReply
        if record.isEmpty {
            changed = try operations.call(.hashDelete(key: keys[0], fields: [field]))
            if changed == .integer(0), !isAsked { return .integer(0) }
        } else {
            changed = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(field, record)]))
            _ = try operations.call(.expire(key: keys[0], milliseconds: LogCommit.number(arguments[1])))
        }
        if !record.isEmpty || changed == .integer(1) {
            let payload = mark + field + [0x0A] + record
            _ = try operations.call(.publish(channel: arguments[0], payload: payload))
        }
        guard isAsked else { return .integer(1) }
        var verdict: PresenceVerdict = changed == .integer(1) ? [.changed] : []
        if try operations.call(.exists(keys: [keys[2]])) == .integer(1) { verdict.insert(.swept) }
        let others = try fields(operations, keys[0]).filter { $0 != field }
        if others.isEmpty {
            verdict.formUnion(.levels)
        } else if arguments[4] == Array("room".utf8) {
            let user = field.drop { $0 != 0x0A }
            let boots = try fields(operations, keys[1]) + arguments.dropFirst(5)
            if !boots.contains(where: { others.contains($0 + user) }) { verdict.insert(.alone) }
        }
        return .integer(verdict.rawValue)
    }

    static func fields(_ operations: any StoreOperations, _ key: [UInt8]) throws(StoreFault) -> [[UInt8]] {
        guard case .array(let pairs) = try operations.call(.hashGetAll(key: key)) else {
            preconditionFailure("HGETALL answers with an array")
        }
        return stride(from: 0, to: pairs.count - 1, by: 2).compactMap {
            if case .bytes(let field) = pairs[$0] { field } else { nil }
        }
    }

    /// The script `presence_page.lua`; its twin gives all at once.
    package static let pageScript = StoreScript(name: "presence_page", lua: PackageResources.presence_page_lua) {
        operations, keys, _ throws(StoreFault) in
        .array([.bytes(start), try operations.call(.hashGetAll(key: keys[0]))])
    }
}
