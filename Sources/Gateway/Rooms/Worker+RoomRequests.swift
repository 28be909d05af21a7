import Foundations
import Rooms

// What the HTTP API asks of rooms. On the home's thread, but for `listRooms`, which any worker can do.
extension Worker {
    /// Hands rooms of all nodes above `cursor` to `completion`; see `APIServices`.
    func listRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]?) -> Void) {
        if let store, !isStoreAway { return listSharedRooms(after: cursor, limit: limit, store, [], completion) }
        gather {
            $0.describeRooms(after: cursor, limit: limit)
        } finish: { parts in
            completion(parts.flatMap { $0 })
        }
    }

    /// Rooms at home here, above `cursor` by id, one more than `limit` so that it shows whether there are more.
    private func describeRooms(after cursor: Identifier?, limit: Int) -> [RoomDescription] {
        let found = rooms.all.filter { home in cursor.map { $0 < home.id } ?? true }.sorted { $0.id < $1.id }
        return found.prefix(limit + 1).map { RoomDescription($0) }
    }

    /// Makes a room with what an operator set; `completion` gets `.none` when there is one already.
    func createRoom(_ id: Identifier, _ settings: RoomSettings, _ completion: @escaping (RoomSearch) -> Void) {
        if let store { return createSharedRoom(id, settings, store, completion) }
        guard rooms[id] == nil else { return completion(.none) }
        let made = createRoom(id, settings, isConfigured: true)
        listIfIdle(made)
        completion(.found(made))
    }

    /// `completion` gets whether there was such a room, or nil when that can't be said.
    func deleteRoom(_ id: Identifier, _ completion: @escaping (Bool?) -> Void) {
        if let store { return deleteSharedRoom(id, store, completion) }
        completion(dropRoom(id))
    }
}
