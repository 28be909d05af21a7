import ClusterState
import Core
import Rooms
import WireProtocol

/// A room as the HTTP API shows it.
package struct RoomDescription: Sendable {
    let id: Identifier
    let name: String?
    let users: Int
    let connections: Int
    let usersMax: Int?
    let historySize: Int
    let epoch: String
    let seq: UInt64
    /// Unix milliseconds.
    let createdAt: Int

    /// Writes it as an object.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", id)
        writer.member("name", name ?? id.text)
        writer.member("users", users)
        writer.member("connections", connections)
        if let usersMax {
            writer.member("max_users", usersMax)
        }
        writer.member("history_size", historySize)
        writer.member("epoch", epoch)
        writer.member("seq", seq)
        writer.member("created_at", createdAt)
        writer.endObject()
    }

    /// The answer that is this room.
    func response(_ status: Int) -> HTTPResponse {
        var writer = JSONWriter()
        write(to: &writer)
        return .json(status, writer.array)
    }
}

extension RoomDescription {
    /// A room as the store knows it.
    init(_ id: Identifier, _ info: RoomInfo, _ counts: RoomInfo.Counts, defaultHistorySize: Int) {
        self.init(
            id: id, name: info.settings?.name, users: counts.users, connections: counts.connections,
            usersMax: info.settings?.usersMax, historySize: info.settings?.historySize ?? defaultHistorySize,
            epoch: info.epoch, seq: info.seq, createdAt: info.createdAt)
    }
}
