import Foundations
import NetworkIO
import Rooms
import WireProtocol

// `/api/rooms`
extension Connection {
    /// `GET /api/rooms`: rooms of all workers, and of all nodes, by id.
    func listRooms(_ call: HTTPCall) {
        answering { () throws(APIFault) in
            let (limit, cursor) = (try call.limit(), try call.cursor())
            let (key, worker) = (key, worker)
            if let replication = worker.replication, !replication.isStoreAway {
                return worker.directory.list(after: cursor, limit: limit, replication) { [weak worker] rooms in
                    let response = rooms.map { Self.roomList($0, limit: limit) }
                    worker?.answer(response ?? .unavailable(Replication.awayText, retrySeconds: 1), to: key)
                }
            }
            worker.surveys.findRooms(after: cursor, limit: limit) { [weak worker] rooms in
                worker?.answer(Self.roomList(rooms, limit: limit), to: key)
            }
        }
    }

    private static func roomList(_ rooms: [RoomDescription], limit: Int) -> HTTPResponse {
        let page = rooms.sorted { $0.id < $1.id }.prefix(limit)
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("rooms")
        writer.beginArray()
        for room in page { room.write(to: &writer) }
        writer.endArray()
        if rooms.count > limit, let last = page.last {
            writer.name("next_cursor")
            writer.string(last.id)
        }
        writer.endObject()
        return .json(200, writer.array)
    }

    /// Has a room's home answer; 404 when there is no such room on any node.
    private func answer(from id: Identifier, _ work: @escaping @Sendable (Worker, RoomOwner) -> HTTPResponse) {
        answerLater(at: worker.context.home(of: id)) { home, completion in
            home.directory.find(id) { [weak home] search in
                guard let home else { return }
                switch search {
                case .found(let room): completion(work(home, room))
                case .none: completion(APIFault.noSuchRoom(id))
                case .unavailable: completion(.unavailable(Replication.awayText, retrySeconds: 1))
                }
            }
        }
    }

    /// `POST /api/rooms`
    func createRoom(_ call: HTTPCall) {
        answering { () throws(APIFault) in
            let (id, settings) = try roomWish(call)
            answerLater(at: worker.context.home(of: id)) { home, completion in
                home.directory.create(id, settings) { search in
                    switch search {
                    case .found(let made): completion(made.description.response(201))
                    case .none:
                        completion(.error(409, "room_exists", "there is a room \(id.text) already"))
                    case .unavailable: completion(.unavailable(Replication.awayText, retrySeconds: 1))
                    }
                }
            }
        }
    }

    /// Room history sizes that an operator may set; as for HISTORY_SIZE.
    private static let historySizes: ClosedRange<UInt64> = 0...1_000_000

    private func roomWish(_ call: HTTPCall) throws(APIFault) -> (Identifier, RoomSettings) {
        let made = Identifier(unchecked: worker.core.makeID(after: "r-"))
        let body = call.request.body
        guard !body.isEmpty else { return (made, worker.rooms.defaultSettings) }
        return try body.withUnsafeBufferPointer { buffer throws(APIFault) in
            let table = try call.fields(UnsafeRawBufferPointer(buffer))
            return try asAPIFault { () throws(FieldFault) in
                let name = try table.string(.name)?.text
                if let name, !(1...256).contains(name.utf8.count) {
                    throw FieldFault.badField("\"name\" must have 1 to 256 bytes")
                }
                let usersMax = try table.natural(.maxUsers)
                if let usersMax, !(1...10_000_000).contains(usersMax) {
                    throw FieldFault.badField("\"max_users\" must be from 1 to 10000000")
                }
                let historySize = try table.natural(.historySize)
                if let historySize, !Self.historySizes.contains(historySize) {
                    throw FieldFault.badField("\"history_size\" must be from 0 to 1000000")
                }
                let settings = RoomSettings(
                    name: name, usersMax: usersMax.map(Int.init),
                    historySize: historySize.map(Int.init) ?? worker.configuration.historySize)
                return (try table.identifier(.id) ?? made, settings)
            }
        }
    }

    /// `GET /api/rooms/{room_id}`
    func showRoom(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("room_id", path[0])
            answer(from: id) { _, found in found.description.response(200) }
        }
    }

    /// `DELETE /api/rooms/{room_id}`
    func deleteRoom(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("room_id", path[0])
            answerLater(at: worker.context.home(of: id)) { home, completion in
                home.directory.delete(id) { wasThere in
                    switch wasThere {
                    case true?: completion(HTTPResponse(status: 204))
                    case false?: completion(APIFault.noSuchRoom(id))
                    case nil: completion(.unavailable(Replication.awayText, retrySeconds: 1))
                    }
                }
            }
        }
    }

    /// `GET /api/rooms/{room_id}/users`
    func listUsers(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("room_id", path[0])
            let (limit, cursor) = (readLimit(try call.limit(), .users), try call.cursor())
            answer(from: id) { home, found in
                home.core.writer.removeAll()
                home.core.writer.beginObject()
                if let next = home.core.writer.users(of: id, found, after: cursor, limit: limit) {
                    home.core.writer.name("next_cursor")
                    home.core.writer.string(next)
                }
                home.core.writer.endObject()
                return .json(200, home.core.writer.array)
            }
        }
    }

    /// `GET /api/rooms/{room_id}/messages`
    func showHistory(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("room_id", path[0])
            let seqs: ClosedRange<UInt64> = 0...9_007_199_254_740_991
            let (after, before) = (try call.number("after", in: seqs), try call.number("before", in: seqs))
            let limit = readLimit(try call.limit(), .history)
            let query: HistoryQuery
            switch (after, before) {
            case (nil, nil): query = HistoryQuery(anchor: .newest, limit: limit)
            case (let seq?, nil): query = HistoryQuery(anchor: .after(seq), limit: limit)
            case (nil, let seq?): query = HistoryQuery(anchor: .before(seq), limit: limit)
            default: throw .bad("after and before exclude each other")
            }
            answer(from: id) { home, found in
                home.core.writer.removeAll()
                home.core.writer.history(of: id, found.room, query, requestID: nil, type: nil)
                return .json(200, home.core.writer.array)
            }
        }
    }

    /// `POST /api/rooms/{room_id}/messages`
    func publishToRoom(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("room_id", path[0])
            let (user, fields, _) = try messageWish(call, author: .user)
            let (key, origin) = (key, worker.index)
            worker.post(to: worker.context.home(of: id)) { home in
                let number = home.rooms.publications.open(for: key, of: origin)
                let room = home.rooms.open(id)
                fields.withFields { room.publish($0, user: user, device: nil, author: .request(number)) }
                home.rooms.listIfIdle(room)
            }
        }
    }

    /// The message in a publishing body.
    func messageWish(
        _ call: HTTPCall, author: Field
    ) throws(APIFault) -> (author: Identifier, fields: OwnedMessageFields, deviceType: String?) {
        let most = worker.configuration.messageBytesMax
        return try call.request.body.withUnsafeBufferPointer { buffer throws(APIFault) in
            let bytes = UnsafeRawBufferPointer(buffer)
            let table = try call.fields(bytes)
            guard bytes.count <= most else {
                throw APIFault(
                    status: 413, code: "too_large", message: "a message has at most \(most) bytes")
            }
            return try asAPIFault { () throws(FieldFault) in
                let user = try table.required(author, table.identifier(author))
                let type = try table.typeName(.deviceType)?.text
                return (user, OwnedMessageFields(try MessageFields(table)), type)
            }
        }
    }
}

extension Worker {
    var directory: RoomDirectory { RoomDirectory(table: rooms) }
}
