/// The end of a room on all nodes.
package enum RoomDeletion {
    /// Histories that are remembered as deleted, the newest ones.
    private static let rememberedMax = 16

    /// Deletes the room: answers the epoch that is no more, or null when there is no such room.
    /// - Parameters:
    ///   - newEpoch: a name for what begins; no other epoch has it.
    ///   - kept: how long it is remembered which history is no more, in milliseconds.
    package static func operation(_ keys: LogKeys, boot: String, newEpoch: String, kept: Int) -> StoreOperation {
        .script(
            script, keys: [keys.place, keys.entries, keys.settings, keys.marks, keys.members],
            arguments: [keys.channel, Array(boot.utf8), Array(newEpoch.utf8), LogCommit.digits(kept)])
    }

    /// The script `room_delete.lua`, and the same in Swift.
    package static let script = StoreScript(name: "room_delete", lua: PackageResources.room_delete_lua) {
        operations, keys, arguments throws(StoreFault) in
        let fields = ["epoch", "gone", "deleted"].map { Array($0.utf8) }
        guard case .array(let place) = try operations.call(.hashGetSome(key: keys[0], fields: fields)) else {
            preconditionFailure("HMGET answers with an array")
        }
        let isThere = try operations.call(.exists(keys: [keys[0]])) == .integer(1) && place[1] == .null
        let rest = try operations.call(.exists(keys: [keys[2], keys[4]]))
        guard isThere || rest != .integer(0) else { return .null }
        let epoch = text(place[0])
        let deleted = (epoch + [0x20] + text(place[2])).split(separator: 0x20).prefix(rememberedMax)
        _ = try operations.call(.delete(keys: keys))
        let values = [
            ("epoch", arguments[2]), ("seq", Array("0".utf8)), ("gone", Array("1".utf8)),
            ("deleted", Array(deleted.joined(separator: [0x20]))),
        ]
        _ = try operations.call(
            .hashSet(key: keys[0], pairs: values.map { StorePair(Array($0.0.utf8), $0.1) }))
        _ = try operations.call(.expire(key: keys[0], milliseconds: LogCommit.number(arguments[3])))
        let notice = ClusterNotice(
            .deleted, boot: String(decoding: arguments[1], as: UTF8.self), [String(decoding: epoch, as: UTF8.self)])
        _ = try operations.call(.publish(channel: arguments[0], payload: notice.payload))
        return .bytes(epoch)
    }

    private static func text(_ reply: StoreReply) -> [UInt8] {
        if case .bytes(let text) = reply { text } else { [] }
    }
}
