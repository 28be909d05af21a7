/// The epochs of a log's histories that were deleted, newest first. The log's place keeps them, so that a node that did
/// not hear of the deletion does not restore a history.
package enum DeletedHistories {
    package static func question(_ keys: LogKeys) -> StoreOperation {
        .hashGet(key: keys.place, field: Array("deleted".utf8))
    }

    /// Whether `question`'s answer names a history.
    package static func names(_ epoch: String, in reply: StoreReply) -> Bool {
        guard case .bytes(let names) = reply else { return false }
        return String(decoding: names, as: UTF8.self).split(separator: " ").contains { $0 == epoch }
    }
}
