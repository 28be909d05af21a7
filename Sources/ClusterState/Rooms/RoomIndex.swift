import Core

/// All rooms of a cluster by id. A hint: a room that it names may be gone.
package enum RoomIndex {
    private static let key = Array("sluice:rooms".utf8)

    /// Rooms that one look at the index brings at most.
    package static let pageMax = 500

    package static func adding(_ rooms: [Identifier]) -> StoreOperation {
        .sortedSetAdd(key: key, entries: rooms.map { StoreEntry(Array($0.text.utf8), score: 0) })
    }

    package static func removing(_ rooms: [Identifier]) -> StoreOperation {
        .sortedSetRemove(key: key, members: rooms.map { Array($0.text.utf8) })
    }

    /// Asks whether a room is there: 0 when it is not.
    package static func presence(of room: Identifier) -> StoreOperation {
        let keys = LogKeys(room: room)
        return .exists(keys: [keys.place, keys.settings])
    }

    /// Asks for rooms above `cursor`, ascending.
    package static func page(after cursor: Identifier?, limit: Int) -> StoreOperation {
        .sortedSetRangeByMember(key: key, after: cursor.map { Array($0.text.utf8) }, limit: limit)
    }

    /// Reads what `page` brought; nil when it is something else.
    package static func rooms(_ reply: StoreReply) -> [Identifier]? {
        guard case .array(let parts) = reply else { return nil }
        return parts.compactMap { part in
            guard case .bytes(let name) = part else { return nil }
            return name.withUnsafeBytes { Identifier(validating: $0) }
        }
    }
}

extension Store {
    /// Takes a room that is gone out of the index, unless it was made again meanwhile.
    package func forgetRoom(_ room: Identifier) {
        perform(RoomIndex.removing([room])) { _ in }
        perform(RoomIndex.presence(of: room)) { [weak self] result in
            guard case .success(.integer(let count)) = result, count > 0 else { return }
            self?.perform(RoomIndex.adding([room])) { _ in }
        }
    }
}
