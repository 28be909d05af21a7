import Core

/// A room as the store knows it, for nodes that do not follow it.
package struct RoomInfo: Equatable, Sendable {
    package let epoch: String
    package let seq: UInt64
    /// Unix milliseconds.
    package let createdAt: Int
    package let settings: RoomFacts.Settings?
    /// nil: too many are in to be counted at once; see `RoomPresence.page`.
    package let counts: Counts?

    /// Who is in, on all nodes.
    package struct Counts: Equatable, Sendable {
        /// Distinct users.
        package let users: Int
        package let connections: Int

        package init(users: Int, connections: Int) {
            self.users = users
            self.connections = connections
        }
    }

    /// Entries of who is in that are counted at once: Redis is done with them in a millisecond.
    package static let countedMax = 1_000

    /// Asks for it: null when there is no such room.
    /// - Parameters:
    ///   - countedMax: with more entries of who is in they are not counted. From 0.
    ///   - gone: nodes that are gone, by their runs: who was in on them is not counted.
    package static func operation(
        _ keys: LogKeys, countedMax: Int = countedMax, gone: [String] = []
    ) -> StoreOperation {
        .script(
            script, keys: [keys.place, keys.settings, keys.members],
            arguments: [LogCommit.digits(countedMax)] + gone.map { Array($0.utf8) })
    }

    /// Reads the store's answer; nil when there is no such room.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count == 6, case .bytes(let epoch) = parts[0],
            case .array(let settings) = parts[3]
        else { return nil }
        switch (parts[4], parts[5]) {
        case (.null, .null): counts = nil
        case (let users, let connections):
            guard let users = Stored.number(users), let connections = Stored.number(connections) else { return nil }
            counts = Counts(users: users, connections: connections)
        }
        self.epoch = String(decoding: epoch, as: UTF8.self)
        seq = UInt64(Stored.number(parts[1]) ?? 0)
        createdAt = Stored.number(parts[2]) ?? 0
        self.settings = RoomFacts.Settings(settings)
    }

    /// The script `room_info.lua`, and the same in Swift.
    package static let script = StoreScript(name: "room_info", lua: PackageResources.room_info_lua) {
        operations, keys, arguments throws(StoreFault) in
        let fields = ["epoch", "seq", "created", "gone"].map { Array($0.utf8) }
        guard case .array(let place) = try operations.call(.hashGetSome(key: keys[0], fields: fields)),
            case .array(let settings) = try operations.call(.hashGetAll(key: keys[1])),
            case .array(let members) = try operations.call(.hashGetAll(key: keys[2]))
        else { preconditionFailure("hashes answer with arrays") }
        let isThere = try operations.call(.exists(keys: [keys[0]])) == .integer(1)
        if settings.isEmpty, place[3] != .null || !isThere { return .null }
        let about: [StoreReply] = [
            place[0] == .null ? .bytes([]) : place[0], place[1] == .null ? .bytes(Array("0".utf8)) : place[1],
            place[2] == .null ? .bytes(Array("0".utf8)) : place[2], .array(settings),
        ]
        if members.count / 2 > LogCommit.number(arguments[0]) { return .array(about + [.null, .null]) }
        let gone = arguments.dropFirst()
        var users: Set<[UInt8]> = []
        var connections = 0
        for index in stride(from: 0, to: members.count - 1, by: 2) {
            guard case .bytes(let field) = members[index], case .bytes(let record) = members[index + 1] else {
                continue
            }
            guard let end = field.firstIndex(of: 0x0A), !gone.contains(Array(field[..<end])) else { continue }
            users.insert(Array(field[(end + 1)...]))
            if record.starts(with: [0x31, 0x0A]) { connections += record.count { $0 == 0x0A } / 3 }
        }
        return .array(about + [.integer(users.count), .integer(connections)])
    }
}
