import Core

/// The part of a room that the store keeps besides its messages.
package struct RoomFacts: Equatable, Sendable {
    /// Unix milliseconds.
    package let createdAt: Int
    /// nil: nobody set anything.
    package let settings: Settings?
    package let marks: [Mark]

    package struct Mark: Equatable, Sendable {
        package let user: Identifier
        package let seq: UInt64
    }

    /// The settings that an operator gave a room; nil where nothing was set.
    package struct Settings: Equatable, Sendable {
        package let name: String?
        package let usersMax: Int?
        package let historySize: Int?

        /// Their ranges. A value in the store outside of them is as not said.
        package static let nameLengths = 1...256
        package static let usersMaxima = 1...10_000_000
        package static let historySizes = 0...1_000_000

        package init(name: String?, usersMax: Int?, historySize: Int?) {
            self.name = name
            self.usersMax = usersMax
            self.historySize = historySize
        }

        /// Reads fields and values; nil when there are none.
        init?(_ parts: [StoreReply]) {
            guard !parts.isEmpty else { return nil }
            var values: [String: StoreReply] = [:]
            for index in stride(from: 0, to: parts.count - 1, by: 2) {
                if let name = Stored.text(parts[index]) { values[name] = parts[index + 1] }
            }
            name = values["name"].flatMap(Stored.text).flatMap { Self.nameLengths.contains($0.utf8.count) ? $0 : nil }
            usersMax = values["max_users"].flatMap { Stored.number($0, in: Self.usersMaxima) }
            historySize = values["history_size"].flatMap { Stored.number($0, in: Self.historySizes) }
        }

        /// Fields and values, one pair at least.
        fileprivate var words: [[UInt8]] {
            let fields = [
                ("configured", "1"), name.map { ("name", $0) }, usersMax.map { ("max_users", String($0)) },
                historySize.map { ("history_size", String($0)) },
            ]
            return fields.compactMap { $0 }.flatMap { [Array($0.0.utf8), Array($0.1.utf8)] }
        }
    }

    /// Asks for it; the room is there from now on.
    /// - Parameter now: Unix milliseconds.
    package static func operation(_ keys: LogKeys, at now: Int) -> StoreOperation {
        .script(script, keys: [keys.place, keys.settings, keys.marks], arguments: [LogCommit.digits(now)])
    }

    /// Reads the store's answer; nil when it is none that the script gives.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count == 3, case .array(let settings) = parts[1],
            case .array(let marks) = parts[2]
        else { return nil }
        createdAt = Stored.number(parts[0]) ?? 0
        self.settings = Settings(settings)
        self.marks = stride(from: 0, to: marks.count - 1, by: 2).compactMap { index in
            guard case .bytes(let name) = marks[index], case .bytes(let digits) = marks[index + 1],
                let user = name.withUnsafeBytes({ Identifier(validating: $0) }),
                let seq = Stored.seq(digits)
            else { return nil }
            return Mark(user: user, seq: seq)
        }
    }

    /// The script `room_facts.lua`, and the same in Swift.
    package static let script = StoreScript(name: "room_facts", lua: PackageResources.room_facts_lua) {
        operations, keys, arguments throws(StoreFault) in
        let created = Array("created".utf8)
        if try operations.call(.hashGet(key: keys[0], field: created)) == .null {
            _ = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(created, arguments[0])]))
        }
        _ = try operations.call(.hashDelete(key: keys[0], fields: [Array("gone".utf8)]))
        return .array([
            try operations.call(.hashGet(key: keys[0], field: created)),
            try operations.call(.hashGetAll(key: keys[1])),
            try operations.call(.sortedSetRange(key: keys[2], start: 0, stop: -1, withScores: true)),
        ])
    }

    // MARK: Settings

    /// Sets what an operator wants; answers 1, or 0 when the room is there and must not be.
    /// - Parameter now: Unix milliseconds.
    package static func setting(
        _ keys: LogKeys, _ settings: Settings, boot: String, at now: Int, isNew: Bool
    ) -> StoreOperation {
        .script(
            settingsScript, keys: [keys.place, keys.settings],
            arguments: [keys.channel, Array(boot.utf8), LogCommit.digits(now), LogCommit.digits(isNew ? 1 : 0)]
                + settings.words)
    }

    /// The script `room_settings.lua`, and the same in Swift.
    package static let settingsScript = StoreScript(name: "room_settings", lua: PackageResources.room_settings_lua) {
        operations, keys, arguments throws(StoreFault) in
        let gone = Array("gone".utf8)
        if arguments[3] == Array("1".utf8) {
            let isThere = try operations.call(.exists(keys: [keys[0]])) == .integer(1)
            let isGone = try operations.call(.hashGet(key: keys[0], field: gone)) != .null
            let isSet = try operations.call(.exists(keys: [keys[1]])) == .integer(1)
            if isThere && !isGone || isSet { return .integer(0) }
            let made = StorePair(Array("created".utf8), arguments[2])
            _ = try operations.call(.hashSet(key: keys[0], pairs: [made]))
            _ = try operations.call(.hashDelete(key: keys[0], fields: [gone]))
        }
        _ = try operations.call(.delete(keys: [keys[1]]))
        let pairs = stride(from: 4, to: arguments.count - 1, by: 2).map { StorePair(arguments[$0], arguments[$0 + 1]) }
        _ = try operations.call(.hashSet(key: keys[1], pairs: pairs))
        let notice = ClusterNotice(.settings, boot: String(decoding: arguments[1], as: UTF8.self))
        _ = try operations.call(.publish(channel: arguments[0], payload: notice.payload))
        return .integer(1)
    }
}
