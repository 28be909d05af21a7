import Foundations

/// How far a device has processed a user's inbox, as the store has it.
package struct InboxCursor: Equatable, Sendable {
    package let device: Identifier
    package let seq: UInt64

    /// Asks for all of a user's.
    package static func all(_ keys: LogKeys) -> StoreOperation { .hashGetAll(key: keys.cursors) }

    /// Reads what `all` brought; nil when it is something else.
    package static func cursors(_ reply: StoreReply) -> [InboxCursor]? {
        guard case .array(let parts) = reply, parts.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: parts.count, by: 2).compactMap { index in
            guard case .bytes(let name) = parts[index], case .bytes(let digits) = parts[index + 1],
                let device = name.withUnsafeBytes({ Identifier(validating: $0) }),
                let seq = UInt64(String(decoding: digits, as: UTF8.self))
            else { return nil }
            return InboxCursor(device: device, seq: seq)
        }
    }

    /// Notes a cursor, which only rises. One of another epoch than the inbox's is ignored.
    /// - Parameters:
    ///   - devicesMax: devices that are remembered at most.
    ///   - kept: how long, in milliseconds.
    package static func operation(
        _ keys: LogKeys, _ position: Position, device: Identifier, devicesMax: Int, kept: Int
    ) -> StoreOperation {
        .script(
            script, keys: [keys.place, keys.cursors],
            arguments: [
                Array(position.epoch.utf8), Array(device.text.utf8), LogCommit.digits(position.seq),
                LogCommit.digits(devicesMax), LogCommit.digits(kept),
            ])
    }

    /// The script `cursor.lua`, and the same in Swift.
    package static let script = StoreScript(name: "cursor", lua: PackageResources.cursor_lua) {
        operations, keys, arguments throws(StoreFault) in
        let fields = ["epoch", "seq"].map { Array($0.utf8) }
        guard case .array(let place) = try operations.call(.hashGetSome(key: keys[0], fields: fields)) else {
            preconditionFailure("HMGET answers with an array")
        }
        guard case .bytes(arguments[0]) = place[0], case .bytes(let newest) = place[1] else { return .integer(0) }
        let seq = min(LogCommit.number(arguments[2]), LogCommit.number(newest))
        if case .bytes(let known) = try operations.call(.hashGet(key: keys[1], field: arguments[1])) {
            if LogCommit.number(known) >= seq { return .integer(0) }
        } else {
            try makePlace(operations, keys[1], devicesMax: LogCommit.number(arguments[3]))
        }
        _ = try operations.call(
            .hashSet(key: keys[1], pairs: [StorePair(arguments[1], LogCommit.digits(seq))]))
        _ = try operations.call(.expire(key: keys[1], milliseconds: LogCommit.number(arguments[4])))
        return .integer(1)
    }

    /// Forgets the device that is furthest behind, when there are as many as may be.
    private static func makePlace(
        _ operations: any StoreOperations, _ key: [UInt8], devicesMax: Int
    ) throws(StoreFault) {
        guard case .array(let parts) = try operations.call(.hashGetAll(key: key)), parts.count / 2 >= devicesMax else {
            return
        }
        let cursors = stride(from: 0, to: parts.count, by: 2).compactMap { index -> (seq: Int, device: [UInt8])? in
            guard case .bytes(let device) = parts[index], case .bytes(let digits) = parts[index + 1] else { return nil }
            return (LogCommit.number(digits), device)
        }
        let lowest = cursors.min { one, other in
            one.seq == other.seq ? one.device.lexicographicallyPrecedes(other.device) : one.seq < other.seq
        }
        if let lowest { _ = try operations.call(.hashDelete(key: key, fields: [lowest.device])) }
    }
}
