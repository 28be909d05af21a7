import ClusterState
import Core
import Rooms
import WireProtocol

/// Which rooms there are, for the HTTP API: on this node alone, or on all nodes of a cluster, where a room exists when
/// the store says so.
///
/// Thread: the worker's. `find`, `create` and `delete` are called on the room's home, `list` on any worker. Each calls
/// its completion exactly once, perhaps before it returns.
struct RoomDirectory {
    /// The outcome of looking for a room, or of making one.
    enum Search {
        case found(RoomOwner)
        /// There is none; or for `create`, there is one already.
        case none
        /// The store gave no answer.
        case unavailable
        /// The node has as many rooms as it takes.
        case noPlace
    }

    unowned let table: RoomTable

    private var core: WorkerCore { table.core }

    /// Looks for a room. One that is not followed here is followed from now on, for a while.
    func find(_ id: Identifier, _ completion: @escaping (Search) -> Void) {
        if let owner = table.find(id) { return owner.sequencer.whenReady { completion(.found(owner)) } }
        guard let replication = table.replication, !replication.isStoreAway else { return completion(.none) }
        replication.store.perform(RoomInfo.operation(LogKeys(room: id), countedMax: 0)) { result in
            guard case .success(let reply) = result else { return completion(.unavailable) }
            guard RoomInfo(reply) != nil else { return completion(.none) }
            followForAWhile(id, completion)
        }
    }

    private func followForAWhile(_ id: Identifier, _ completion: @escaping (Search) -> Void) {
        guard let owner = table.open(id) else { return completion(.noPlace) }
        table.listIfIdle(owner)
        owner.sequencer.whenReady { completion(.found(owner)) }
    }

    /// Makes a room with what an operator set.
    func create(_ id: Identifier, _ settings: RoomSettings, _ completion: @escaping (Search) -> Void) {
        guard table.find(id) == nil else { return completion(.none) }
        guard let replication = table.replication, !replication.isStoreAway else {
            guard let owner = table.create(id, settings, isConfigured: true) else { return completion(.noPlace) }
            if case .replicated(let room) = owner.sequencer { room.facts.areSettingsUnsent = true }
            table.listIfIdle(owner)
            return completion(.found(owner))
        }
        let facts = RoomFacts.Settings(
            name: settings.name, usersMax: settings.usersMax, historySize: settings.historySize)
        let operation = RoomFacts.setting(
            LogKeys(room: id), facts, boot: core.context.boot, at: core.loop.unixNow, isNew: true)
        replication.store.perform(operation) { result in
            guard case .success(let reply) = result else { return completion(.unavailable) }
            guard reply == .integer(1) else { return completion(.none) }
            followForAWhile(id, completion)
        }
    }

    /// Deletes a room on all nodes; `completion` gets whether there was one, or nil when the store gave no answer.
    func delete(_ id: Identifier, _ completion: @escaping (Bool?) -> Void) {
        guard let replication = table.replication else { return completion(table.drop(id)) }
        guard !replication.isStoreAway else { return completion(nil) }
        let operation = RoomDeletion.operation(
            LogKeys(room: id), boot: core.context.boot, newEpoch: core.makeID(),
            kept: core.configuration.historyTTLMilliseconds)
        replication.store.perform(operation) { result in
            guard case .success(let reply) = result else { return completion(nil) }
            guard case .bytes(let epoch) = reply else { return completion(false) }
            if let owner = table.find(id), owner.room.log.epoch == String(decoding: epoch, as: UTF8.self),
                case .replicated(let room) = owner.sequencer
            {
                room.deleted()
            }
            replication.store.perform(RoomIndex.removing([id])) { _ in }
            completion(true)
        }
    }
}

extension RoomDirectory {
    // MARK: Questions

    /// Answers a question of the HTTP API, on the room's home.
    func answer(_ question: RoomQuestion, of id: Identifier, _ responder: Responder) {
        let core = core
        func answer(_ search: Search, orNone none: HTTPResponse, _ found: (RoomOwner) -> HTTPResponse) {
            switch search {
            case .found(let owner): responder.answer(found(owner), by: core)
            case .none: responder.answer(none, by: core)
            case .unavailable: responder.answer(.storeAway, by: core)
            case .noPlace: responder.answer(.noPlace(core.context.budgets.rooms), by: core)
            }
        }
        switch question {
        case .create(let settings, let maker):
            if let retry = table.refusesMaking(id, maker) {
                return responder.answer(.rateLimited(AddressLimits.makingText, retryMilliseconds: retry), by: core)
            }
            let exists = HTTPResponse.error(409, "room_exists", "there is a room \(id.text) already")
            create(id, settings) { answer($0, orNone: exists) { $0.description.response(201) } }
        case .show: find(id) { answer($0, orNone: .noSuchRoom(id)) { $0.description.response(200) } }
        case .delete:
            delete(id) { wasThere in
                let missing: HTTPResponse = wasThere == nil ? .storeAway : .noSuchRoom(id)
                responder.answer(wasThere == true ? HTTPResponse(status: 204) : missing, by: core)
            }
        case .users(let cursor, let limit):
            find(id) { answer($0, orNone: .noSuchRoom(id)) { $0.usersPage(after: cursor, limit: limit) } }
        case .history(let query): find(id) { answer($0, orNone: .noSuchRoom(id)) { $0.historyPage(query) } }
        case .publish(let fields, let user, let maker):
            if let retry = table.refusesMaking(id, maker) {
                return responder.answer(.rateLimited(AddressLimits.makingText, retryMilliseconds: retry), by: core)
            }
            if let retry = core.refusesTurn(in: id) {
                return responder.answer(
                    .rateLimited("\(WorkerCore.noRoomTurnText)", retryMilliseconds: retry), by: core)
            }
            guard let owner = table.open(id) else {
                return responder.answer(.noPlace(core.context.budgets.rooms), by: core)
            }
            let number = table.publications.open(for: responder)
            fields.withFields { owner.publish($0, user: user, device: nil, author: .request(number)) }
            table.listIfIdle(owner)
        }
    }

    // MARK: The list of a cluster

    /// Rooms of all nodes above `cursor` by id, one more than `limit` so that it shows whether there are more; nil when
    /// the store gave no answer.
    func list(
        after cursor: Identifier?, limit: Int, _ replication: Replication, _ found: [RoomDescription] = [],
        _ completion: @escaping ([RoomDescription]?) -> Void
    ) {
        let wanted = limit + 1 - found.count
        replication.store.perform(RoomIndex.page(after: cursor, limit: wanted)) { result in
            guard let ids = (try? result.get()).flatMap(RoomIndex.rooms) else { return completion(nil) }
            describe(ids, replication) { described in
                guard let described else { return completion(nil) }
                let all = found + described
                guard let last = ids.last, all.count <= limit, ids.count == wanted else { return completion(all) }
                list(after: last, limit: limit, replication, all, completion)
            }
        }
    }

    /// Asks the store for rooms; those that are gone are taken out of the index.
    private func describe(
        _ ids: [Identifier], _ replication: Replication, _ completion: @escaping ([RoomDescription]?) -> Void
    ) {
        guard !ids.isEmpty else { return completion([]) }
        let historySize = core.configuration.historySize
        var described: [RoomDescription?] = Array(repeating: nil, count: ids.count)
        var (missing, isComplete) = (ids.count, true)
        func ended() {
            missing -= 1
            if missing == 0 { completion(isComplete ? described.compactMap { $0 } : nil) }
        }
        for (place, id) in ids.enumerated() {
            ask(for: id, replication) { answer in
                switch answer {
                case .room(let info, let counts):
                    described[place] = RoomDescription(id, info, counts, defaultHistorySize: historySize)
                case .none: replication.store.forgetRoom(id)
                case .unavailable: isComplete = false
                }
                ended()
            }
        }
    }

    private enum Asked {
        case room(RoomInfo, RoomInfo.Counts)
        /// There is no such room.
        case none
        /// The store gave no answer.
        case unavailable
    }

    private func ask(for id: Identifier, _ replication: Replication, _ completion: @escaping (Asked) -> Void) {
        let keys = LogKeys(room: id)
        replication.store.perform(RoomInfo.operation(keys, gone: replication.goneNodes)) { result in
            guard case .success(let reply) = result else { return completion(.unavailable) }
            guard let info = RoomInfo(reply) else { return completion(.none) }
            if let counts = info.counts { return completion(.room(info, counts)) }
            count(Census(gone: replication.goneNodes), of: keys, from: RoomPresence.start, replication) { counts in
                completion(counts.map { .room(info, $0) } ?? .unavailable)
            }
        }
    }

    /// Counts who is in a room with many, part by part, so that Redis serves others in between.
    private func count(
        _ census: Census, of keys: LogKeys, from cursor: [UInt8], _ replication: Replication,
        _ completion: @escaping (RoomInfo.Counts?) -> Void
    ) {
        replication.store.perform(RoomPresence.page(keys, from: cursor)) { result in
            guard let page = (try? result.get()).flatMap(RoomPresence.page) else { return completion(nil) }
            var census = census
            census.take(page.entries)
            guard let next = page.next else { return completion(census.counts) }
            count(census, of: keys, from: next, replication, completion)
        }
    }
}

/// Counts who is in a room, from the parts that the store gives; an entry may come in two of them.
private struct Census {
    private let gone: Set<String>
    private var users: Set<Identifier> = []
    private var connections: [Entry: Int] = [:]

    private struct Entry: Hashable {
        let boot: String
        let user: Identifier
    }

    init(gone: [String]) { self.gone = Set(gone) }

    mutating func take(_ entries: [RoomPresence.Change]) {
        for entry in entries where !gone.contains(entry.boot) {
            users.insert(entry.user)
            let devices = RemoteAttendance(record: entry.record)?.devices ?? []
            connections[Entry(boot: entry.boot, user: entry.user)] = devices.count
        }
    }

    var counts: RoomInfo.Counts {
        RoomInfo.Counts(users: users.count, connections: connections.values.reduce(0, +))
    }
}

extension HTTPResponse {
    static var storeAway: HTTPResponse { .unavailable(Replication.awayText, retrySeconds: 1) }
    static var storeFull: HTTPResponse { .unavailable(StoredShare.fullText, retrySeconds: 2) }

    fileprivate static func noPlace(_ rooms: borrowing RoomCap) -> HTTPResponse {
        .unavailable(rooms.fullText, retrySeconds: 10)
    }

    fileprivate static func noSuchRoom(_ id: Identifier) -> HTTPResponse {
        .error(404, "no_such_room", "there is no room \(id.text)")
    }
}
