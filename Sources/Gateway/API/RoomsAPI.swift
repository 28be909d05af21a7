import ClusterState
import Core
import Rooms
import WireProtocol

/// `/api/rooms`
struct RoomsAPI {
    private typealias Bounds = RoomFacts.Settings

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
        let isOrdinary = settings.usersMax == nil && settings.historySize == services.configuration.historySize
        guard isOrdinary || services.context.access.letsOperate(isThisMachine: call.isThisMachine) else {
            return .now(.operatorsOnly)
        }
        return services.ask(id, .create(settings, maker: call.maker))
    }

    /// `GET /api/rooms/{room_id}`
    func show(_ call: HTTPCall) throws(APIFault) -> Reply {
        services.ask(try call.identifier("room_id", at: 0), RoomQuestion.show)
    }

    /// `DELETE /api/rooms/{room_id}`
    func delete(_ call: HTTPCall) throws(APIFault) -> Reply {
        services.ask(try call.identifier("room_id", at: 0), .delete)
    }

    /// `GET /api/rooms/{room_id}/users`
    func users(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        let (limit, cursor) = (services.readLimit(try call.limit(), .users), try call.cursor())
        return services.ask(id, .users(after: cursor, limit: limit)).expecting(RoomOwner.usersBytesMax)
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
        let bytesMax = HistoryPage.bytesMax(of: limit, messageBytesMax: services.configuration.messageBytesMax)
        return services.ask(id, .history(query)).expecting(bytesMax)
    }

    /// `POST /api/rooms/{room_id}/messages`
    func publish(_ call: HTTPCall) throws(APIFault) -> Reply {
        let id = try call.identifier("room_id", at: 0)
        let message = try PublishingBody(
            call, author: .user, byteCountMax: services.configuration.messageBytesMax)
        return services.ask(id, .publish(message.fields, user: message.author, maker: call.maker))
    }

    // MARK: Parts

    /// The room that a body describes. Without a body: one with an id of its own and the node's settings.
    private func parseRoom(_ call: HTTPCall) throws(APIFault) -> (Identifier, RoomSettings) {
        let made = Identifier(unchecked: services.makeID(after: "r-"))
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
        if let name, !Bounds.nameLengths.contains(name.utf8.count) {
            throw .badField("\"name\" must have 1 to 256 bytes")
        }
        let usersMax = try table.natural(.maxUsers)
        if let usersMax, !Bounds.usersMaxima.contains(Int(clamping: usersMax)) {
            throw .badField("\"max_users\" must be from 1 to 10000000")
        }
        let historySize = try table.natural(.historySize)
        if let historySize, !Bounds.historySizes.contains(Int(clamping: historySize)) {
            throw .badField("\"history_size\" must be from 0 to 1000000")
        }
        return RoomSettings(
            name: name, usersMax: usersMax.map(Int.init), historySize: historySize.map(Int.init) ?? defaultHistorySize)
    }
}

extension HTTPResponse {
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
