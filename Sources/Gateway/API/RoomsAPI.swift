import Foundations
import Rooms
import WireProtocol

/// `/api/rooms`
struct RoomsAPI {
    /// The history sizes that an operator may set; as for HISTORY_SIZE.
    private static let historySizes: ClosedRange<UInt64> = 0...1_000_000
    private static let nameLengths = 1...256
    private static let usersMaxima: ClosedRange<UInt64> = 1...10_000_000

    let services: any APIServices

    /// `GET /api/rooms`: rooms of all workers, and of all nodes, by id.
    func list(_ call: HTTPCall) throws(APIFault) -> Reply {
        let (limit, cursor) = (try call.limit(), try call.cursor())
        return .later { [services] responder in
            services.listRooms(after: cursor, limit: limit) { [weak services] rooms in
                guard let services else { return }
                responder.answer(rooms.map { .page(of: $0, limit: limit) } ?? .storeAway, by: services)
            }
        }
    }

    /// `POST /api/rooms`
    func create(_ call: HTTPCall) throws(APIFault) -> Reply {
        let (id, settings) = try parseRoom(call)
        return services.atHome(of: id) { home, responder in
            home.createRoom(id, settings) { [weak home] search in
                guard let home else { return }
                let exists = HTTPResponse.error(409, "room_exists", "there is a room \(id.text) already")
                responder.answer(search.response(orNone: exists) { RoomDescription($0).response(201) }, by: home)
            }
        }
    }

    /// `GET /api/rooms/{room_id}`
    func show(_ call: HTTPCall) throws(APIFault) -> Reply {
        reply(from: try call.identifier("room_id", at: 0)) { _, room in RoomDescription(room).response(200) }
    }

    /// `DELETE /api/rooms/{room_id}`
    func delete(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        return services.atHome(of: id) { home, responder in
            home.deleteRoom(id) { [weak home] wasThere in
                guard let home else { return }
                switch wasThere {
                case true?: responder.answer(HTTPResponse(status: 204), by: home)
                case false?: responder.answer(.noSuchRoom(id), by: home)
                case nil: responder.answer(.storeAway, by: home)
                }
            }
        }
    }

    /// `GET /api/rooms/{room_id}/users`
    func users(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        let (limit, cursor) = (services.readLimit(try call.limit(), .users), try call.cursor())
        return reply(from: id) { home, room in
            home.writer.removeAll()
            home.writer.beginObject()
            if let next = home.writeUsers(of: id, room, after: cursor, limit: limit) {
                home.writer.member("next_cursor", next)
            }
            home.writer.endObject()
            return .json(200, home.writer.array)
        }
    }

    /// `GET /api/rooms/{room_id}/messages`
    func history(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        let seqs: ClosedRange<UInt64> = 0...9_007_199_254_740_991
        let (after, before) = (try call.number("after", in: seqs), try call.number("before", in: seqs))
        let limit = services.readLimit(try call.limit(), .history)
        let query: HistoryQuery
        switch (after, before) {
        case (nil, nil): query = HistoryQuery(anchor: .newest, limit: limit)
        case (let seq?, nil): query = HistoryQuery(anchor: .after(seq), limit: limit)
        case (nil, let seq?): query = HistoryQuery(anchor: .before(seq), limit: limit)
        default: throw .bad("after and before exclude each other")
        }
        return reply(from: id) { home, room in
            home.writer.removeAll()
            home.writeHistory(query, of: id, room.room, requestID: nil, type: nil)
            return .json(200, home.writer.array)
        }
    }

    /// `POST /api/rooms/{room_id}/messages`
    func publish(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        let message = try PublishingBody(
            call, author: .user, byteCountMax: services.configuration.messageBytesMax)
        return services.atHome(of: id) { home, responder in
            message.fields.withFields { fields in
                // In a cluster the shared log gives the message its place, and the answer comes with it.
                guard home.store == nil else {
                    return home.submit(fields, user: message.author, in: id, for: responder)
                }
                let published = home.publish(fields, user: message.author, in: id)
                let isDuplicate = published.frame == nil
                home.writer.ack(
                    .room(id), id: published.id, position: published.position, time: published.time,
                    isDuplicate: isDuplicate)
                responder.answer(.json(isDuplicate ? 200 : 201, home.writer.array), by: home)
            }
        }
    }

    // MARK: Parts

    /// The reply that a room's home makes; 404 when there is no such room on any node.
    private func reply(
        from id: Identifier, _ work: @escaping @Sendable (Worker, RoomHome) -> HTTPResponse
    ) -> Reply {
        services.atHome(of: id) { home, responder in
            home.findRoom(id) { [weak home] search in
                guard let home else { return }
                responder.answer(search.response(orNone: .noSuchRoom(id)) { work(home, $0) }, by: home)
            }
        }
    }

    /// The room that a body describes. Without a body: one with an id of its own and the node's settings.
    private func parseRoom(_ call: HTTPCall) throws(APIFault) -> (Identifier, RoomSettings) {
        let made = Identifier(unchecked: services.makeName(after: "r-"))
        let historySize = services.configuration.historySize
        guard !call.request.body.isEmpty else { return (made, RoomSettings(historySize: historySize)) }
        return try call.withFields { table throws(APIFault) in
            try asAPIFault { () throws(FieldFault) in
                let settings = try Self.settings(table, defaultHistorySize: historySize)
                return (try table.identifier(.id) ?? made, settings)
            }
        }
    }

    private static func settings(
        _ table: borrowing FieldTable, defaultHistorySize: Int
    ) throws(FieldFault) -> RoomSettings {
        let name = try table.string(.name)?.text
        if let name, !nameLengths.contains(name.utf8.count) {
            throw .badField("\"name\" must have 1 to 256 bytes")
        }
        let usersMax = try table.natural(.maxUsers)
        if let usersMax, !usersMaxima.contains(usersMax) {
            throw .badField("\"max_users\" must be from 1 to 10000000")
        }
        let historySize = try table.natural(.historySize)
        if let historySize, !historySizes.contains(historySize) {
            throw .badField("\"history_size\" must be from 0 to 1000000")
        }
        return RoomSettings(
            name: name, usersMax: usersMax.map(Int.init), historySize: historySize.map(Int.init) ?? defaultHistorySize)
    }
}

extension Worker.RoomSearch {
    /// The answer: what `found` makes of the room, or `none`.
    fileprivate func response(orNone none: HTTPResponse, _ found: (RoomHome) -> HTTPResponse) -> HTTPResponse {
        switch self {
        case .found(let room): found(room)
        case .none: none
        case .unavailable: .storeAway
        }
    }
}

extension HTTPResponse {
    fileprivate static var storeAway: HTTPResponse { .unavailable(Worker.storeAwayText, retrySeconds: 1) }

    fileprivate static func noSuchRoom(_ id: Identifier) -> HTTPResponse {
        .error(404, "no_such_room", "there is no room \(id.text)")
    }

    /// The first `limit` rooms by id, and where the next page begins.
    fileprivate static func page(of rooms: [RoomDescription], limit: Int) -> HTTPResponse {
        let page = rooms.sorted { $0.id < $1.id }.prefix(limit)
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("rooms")
        writer.beginArray()
        for room in page { room.write(to: &writer) }
        writer.endArray()
        if rooms.count > limit, let last = page.last { writer.member("next_cursor", last.id) }
        writer.endObject()
        return .json(200, writer.array)
    }
}
