/// Which node of a cluster pushes a burst of messages to an absent user: the first one that asks.
package enum PushClaim {
    /// Says that a message was kept for a user who is away; the claim ends `PushBursts.quietMilliseconds` after the
    /// last one.
    /// - Parameter boot: the run of the node that asks, for who looks into the store.
    package static func operation(_ keys: LogKeys, boot: String) -> StoreOperation {
        .script(
            script, keys: [keys.push],
            arguments: [Array(boot.utf8), LogCommit.digits(PushBursts.quietMilliseconds)])
    }

    /// Whether the message began a burst, which is the asking node's then; nil when the reply is none of the script's.
    package static func isFirst(_ reply: StoreReply) -> Bool? {
        switch reply {
        case .integer(1): true
        case .integer(0): false
        default: nil
        }
    }

    /// Ends the burst: the user has come, or needed no push.
    package static func end(_ keys: LogKeys) -> StoreOperation { .delete(keys: [keys.push]) }

    /// The script `push.lua`, and the same in Swift.
    package static let script = StoreScript(name: "push", lua: PackageResources.push_lua) {
        operations, keys, arguments throws(StoreFault) in
        let quiet = LogCommit.number(arguments[1])
        let set = StoreOperation.set(key: keys[0], value: arguments[0], expiry: quiet, onlyIfAbsent: true)
        guard case .null = try operations.call(set) else { return .integer(1) }
        _ = try operations.call(.expire(key: keys[0], milliseconds: quiet))
        return .integer(0)
    }
}
