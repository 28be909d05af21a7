import Core

/// A user's read mark in a room, published to all nodes.
package enum ReadMark {
    /// Raises it; it is published when it rose.
    /// - Parameters:
    ///   - marksMax: marks that a room keeps at most.
    ///   - kept: how long, in milliseconds.
    package static func operation(
        _ keys: LogKeys, boot: String, user: Identifier, seq: UInt64, marksMax: Int, kept: Int
    ) -> StoreOperation {
        .script(
            script, keys: [keys.place, keys.marks],
            arguments: [
                keys.channel, Array(boot.utf8), Array(user.text.utf8), LogCommit.digits(seq),
                LogCommit.digits(marksMax), LogCommit.digits(kept),
            ])
    }

    /// The script `read.lua`, and the same in Swift.
    package static let script = StoreScript(name: "read", lua: PackageResources.read_lua) {
        operations, keys, arguments throws(StoreFault) in
        let newest = try operations.call(.hashGet(key: keys[0], field: Array("seq".utf8)))
        let seq = min(LogCommit.number(arguments[3]), number(newest))
        let known = try operations.call(.sortedSetScore(key: keys[1], member: arguments[2]))
        guard seq > number(known) else { return .integer(0) }
        if known == .null,
            case .integer(let count) = try operations.call(.sortedSetCount(key: keys[1])),
            count >= LogCommit.number(arguments[4]),
            case .array(let lowest) = try operations.call(.sortedSetRange(key: keys[1], start: 0, stop: 0)),
            case .bytes(let user)? = lowest.first
        {
            _ = try operations.call(.sortedSetRemove(key: keys[1], members: [user]))
        }
        _ = try operations.call(.sortedSetAdd(key: keys[1], entries: [StoreEntry(arguments[2], score: seq)]))
        _ = try operations.call(.expire(key: keys[1], milliseconds: LogCommit.number(arguments[5])))
        let notice = ClusterNotice(
            .read, boot: String(decoding: arguments[1], as: UTF8.self),
            [String(decoding: arguments[2], as: UTF8.self), String(seq)])
        _ = try operations.call(.publish(channel: arguments[0], payload: notice.payload))
        return .integer(1)
    }

    private static func number(_ reply: StoreReply) -> Int {
        if case .bytes(let text) = reply { LogCommit.number(text) } else { 0 }
    }
}
