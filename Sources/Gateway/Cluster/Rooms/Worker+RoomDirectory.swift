import ControlPlane
import Foundations
import Rooms
import WireProtocol

// Rooms that other nodes may have made, for the HTTP API: a room exists when the store says so. On the home's thread,
// but for the list, which any worker can make.
extension Worker {
    /// What came of looking for a room.
    enum RoomSearch {
        case found(RoomHome)
        case none
        /// The store gave no answer.
        case unavailable
    }

    static let storeAwayText = "Redis is away, and this needs all nodes"

    /// Looks for a room. One that is not followed here is followed from now on, for a while.
    func findRoom(_ id: Identifier, _ completion: @escaping (RoomSearch) -> Void) {
        if let home = rooms[id] {
            guard let shared = home.shared else { return completion(.found(home)) }
            return shared.whenReady { completion(.found(home)) }
        }
        guard let store, !isStoreAway else { return completion(.none) }
        store.perform(RoomInfo.operation(LogKeys(room: id))) { [weak self] result in
            guard let self, case .success(let reply) = result else { return completion(.unavailable) }
            guard RoomInfo(reply) != nil else { return completion(.none) }
            let home = openRoom(id)
            listIfIdle(home)
            home.shared?.whenReady { completion(.found(home)) }
        }
    }

    /// Makes a room with what an operator set; `completion` gets nil when there is one already.
    func createSharedRoom(
        _ id: Identifier, _ settings: RoomSettings, _ store: any Store, _ completion: @escaping (RoomSearch) -> Void
    ) {
        guard rooms[id] == nil else { return completion(.none) }
        guard !isStoreAway else {
            let home = createRoom(id, settings, isConfigured: true)
            home.shared?.settingsToTell = true
            listIfIdle(home)
            return completion(.found(home))
        }
        let facts = RoomFacts.Settings(
            name: settings.name, usersMax: settings.usersMax, historySize: settings.historySize)
        let operation = RoomFacts.setting(
            LogKeys(room: id), facts, boot: context.boot, at: loop.unixNow, isNew: true)
        store.perform(operation) { [weak self] result in
            guard let self, case .success(let reply) = result else { return completion(.unavailable) }
            guard reply == .integer(1) else { return completion(.none) }
            let home = openRoom(id)
            listIfIdle(home)
            home.shared?.whenReady { completion(.found(home)) }
        }
    }

    /// Deletes a room on all nodes; `completion` gets whether there was one, or nil when the store gave no answer.
    func deleteSharedRoom(_ id: Identifier, _ store: any Store, _ completion: @escaping (Bool?) -> Void) {
        guard !isStoreAway else { return completion(nil) }
        let operation = RoomDeletion.operation(
            LogKeys(room: id), boot: context.boot, newEpoch: makeName(), kept: configuration.historyTTLMilliseconds)
        store.perform(operation) { [weak self] result in
            guard let self, case .success(let reply) = result else { return completion(nil) }
            guard case .bytes(let epoch) = reply else { return completion(false) }
            if let home = rooms[id], home.room.log.epoch == String(decoding: epoch, as: UTF8.self) {
                home.shared?.deleted()
            }
            store.perform(RoomIndex.removing([id])) { _ in }
            completion(true)
        }
    }

    // MARK: The list

    /// Rooms of all nodes above `cursor` by id, one more than `limit` so that it shows whether there are more; nil when
    /// the store gave no answer.
    func listSharedRooms(
        after cursor: Identifier?, limit: Int, _ store: any Store, _ found: [RoomDescription] = [],
        _ completion: @escaping ([RoomDescription]?) -> Void
    ) {
        let wanted = limit + 1 - found.count
        store.perform(RoomIndex.page(after: cursor, limit: wanted)) { [weak self] result in
            guard let self, let ids = (try? result.get()).flatMap(RoomIndex.rooms) else { return completion(nil) }
            describe(ids, store) { [weak self] described in
                guard let self, let described else { return completion(nil) }
                let all = found + described
                guard let last = ids.last, all.count <= limit, ids.count == wanted else { return completion(all) }
                listSharedRooms(after: last, limit: limit, store, all, completion)
            }
        }
    }

    /// Asks the store for rooms; those that are gone are taken out of the index.
    private func describe(
        _ ids: [Identifier], _ store: any Store, _ completion: @escaping ([RoomDescription]?) -> Void
    ) {
        guard let last = ids.last else { return completion([]) }
        var described: [RoomDescription] = []
        var isComplete = true
        for id in ids {
            store.perform(RoomInfo.operation(LogKeys(room: id), gone: goneNodes)) { [weak self] result in
                guard let self else { return }
                switch result {
                case .success(let reply):
                    if let info = RoomInfo(reply) {
                        described.append(
                            RoomDescription(id, info, defaultHistorySize: configuration.historySize))
                    } else {
                        store.forgetRoom(id)
                    }
                case .failure: isComplete = false
                }
                if id == last { completion(isComplete ? described : nil) }
            }
        }
    }
}
