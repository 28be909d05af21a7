import Core

/// How far a user's devices have processed the inbox, as the store has it.
package struct InboxCursors: Equatable, Sendable {
    /// Up to where any device has acked.
    package private(set) var acked = InboxCursor()
    /// Of each device that is remembered.
    package private(set) var devices: [(device: Identifier, cursor: InboxCursor)] = []

    package init() {}

    package static func == (one: InboxCursors, other: InboxCursors) -> Bool {
        one.acked == other.acked && one.devices.elementsEqual(other.devices) { $0 == $1 }
    }

    /// Up to where a device has processed the inbox; nil: a device that is not remembered.
    package typealias Processed = (device: Identifier?, cursor: InboxCursor)

    /// Asks for them.
    package static func all(_ keys: LogKeys) -> StoreOperation { .hashGetAll(key: keys.cursors) }

    /// Notes what devices have processed. Of histories that the inbox never had nothing is noted.
    /// - Parameters:
    ///   - beginning: a device that gets a cursor if it has none, and where: without a place in the inbox's histories
    ///     where any device has acked, else before the oldest entry.
    ///   - devicesMax: devices that are remembered at most.
    ///   - kept: how long, in milliseconds.
    package static func operation(
        _ keys: LogKeys, _ processed: [Processed], beginning: (device: Identifier, at: InboxCursor)? = nil,
        devicesMax: Int, kept: Int
    ) -> StoreOperation {
        let pairs = processed.flatMap { [Array(($0.device?.text ?? "").utf8), $0.cursor.text] }
        return .script(
            script, keys: [keys.place, keys.entries, keys.cursors],
            arguments: [
                LogCommit.digits(devicesMax), LogCommit.digits(kept), Array((beginning?.device.text ?? "").utf8),
                beginning?.at.text ?? [],
            ] + pairs)
    }

    /// Reads what both bring; nil when it is something else. What is no cursor is left out.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count.isMultiple(of: 2) else { return nil }
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard case .bytes(let name) = parts[index], case .bytes(let text) = parts[index + 1] else { continue }
            let cursor = InboxCursor(text: text)
            if name.isEmpty {
                acked = cursor
            } else if let device = name.withUnsafeBytes({ Identifier(validating: $0) }) {
                devices.append((device, cursor))
            }
        }
    }

    /// The script `cursor.lua`, and the same in Swift.
    package static let script = StoreScript(name: "cursor", lua: PackageResources.cursor_lua) {
        operations, keys, arguments throws(StoreFault) in
        var noting = try Noting(operations, keys, devicesMax: LogCommit.number(arguments[0]))
        for index in stride(from: 4, to: arguments.count, by: 2) {
            let processed = noting.known(InboxCursor(text: arguments[index + 1]))
            guard !processed.positions.isEmpty else { continue }
            try noting.note([], processed)
            if !arguments[index].isEmpty { try noting.note(arguments[index], processed) }
        }
        if !arguments[2].isEmpty { try noting.begin(arguments[2], at: InboxCursor(text: arguments[3])) }
        _ = try operations.call(.expire(key: keys[2], milliseconds: LogCommit.number(arguments[1])))
        return try operations.call(.hashGetAll(key: keys[2]))
    }

    /// One run of the script.
    private struct Noting {
        private let operations: any StoreOperations
        private let keys: [[UInt8]]
        private let devicesMax: Int
        private let epoch: String?
        private let newestSeq: UInt64
        private let lineage: Lineage
        private var cursors: [[UInt8]: InboxCursor] = [:]

        init(_ operations: any StoreOperations, _ keys: [[UInt8]], devicesMax: Int) throws(StoreFault) {
            self.operations = operations
            self.keys = keys
            self.devicesMax = devicesMax
            let fields = ["epoch", "seq", "lineage"].map { Array($0.utf8) }
            guard case .array(let place) = try operations.call(.hashGetSome(key: keys[0], fields: fields)),
                case .array(let stored) = try operations.call(.hashGetAll(key: keys[2]))
            else { preconditionFailure("hashes answer with arrays") }
            epoch = Self.text(place[0]).map { String(decoding: $0, as: UTF8.self) }
            newestSeq = Self.text(place[1]).flatMap { Stored.seq($0) } ?? 0
            lineage = Lineage(text: Self.text(place[2]) ?? [])
            for index in stride(from: 0, to: stored.count, by: 2) {
                guard let device = Self.text(stored[index]), let text = Self.text(stored[index + 1]) else { continue }
                cursors[device] = InboxCursor(text: text)
            }
        }

        private static func text(_ reply: StoreReply) -> [UInt8]? {
            if case .bytes(let text) = reply { text } else { nil }
        }

        /// The part of a cursor that is in histories of this inbox, and not beyond its end.
        func known(_ cursor: InboxCursor) -> InboxCursor {
            InboxCursor(
                cursor.positions.compactMap { position in
                    if position.epoch == epoch {
                        return Position(epoch: position.epoch, seq: min(position.seq, newestSeq))
                    }
                    return epoch == nil || lineage.fork(of: position.epoch) != nil ? position : nil
                })
        }

        mutating func note(_ device: [UInt8], _ cursor: InboxCursor) throws(StoreFault) {
            if cursors[device] == nil, !device.isEmpty, cursors.keys.count(where: { !$0.isEmpty }) >= devicesMax {
                try makeRoom()
            }
            cursors[device, default: InboxCursor()].merge(cursor)
            let text = cursors[device]?.text ?? []
            _ = try operations.call(.hashSet(key: keys[2], pairs: [StorePair(device, text)]))
        }

        /// Forgets the device that is furthest behind.
        private mutating func makeRoom() throws(StoreFault) {
            let devices = cursors.filter { !$0.key.isEmpty }.map { ($0.value.positions.last?.seq ?? 0, $0.key) }
            let lowest = devices.min { one, other in
                one.0 == other.0 ? one.1.lexicographicallyPrecedes(other.1) : one.0 < other.0
            }
            guard let lowest else { return }
            _ = try operations.call(.hashDelete(key: keys[2], fields: [lowest.1]))
            cursors[lowest.1] = nil
        }

        mutating func begin(_ device: [UInt8], at wanted: InboxCursor) throws(StoreFault) {
            guard cursors[device] == nil else { return }
            var beginning = known(wanted)
            if beginning.positions.isEmpty { beginning = cursors[[]] ?? InboxCursor() }
            if beginning.positions.isEmpty, let epoch {
                let oldest = try operations.call(
                    .streamRange(key: keys[1], first: .lowest, last: .highest, limit: 1))
                let seq = LogCommit.entries(oldest)?.first.map { max($0.seq, 1) - 1 } ?? newestSeq
                beginning.merge(Position(epoch: epoch, seq: seq))
            }
            try note(device, beginning)
        }
    }
}
