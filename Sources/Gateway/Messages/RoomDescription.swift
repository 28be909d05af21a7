import ControlPlane
import Foundations
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
        writer.name("id")
        writer.string(id)
        writer.name("name")
        writer.string(name ?? id.text)
        writer.name("users")
        writer.number(users)
        writer.name("connections")
        writer.number(connections)
        if let usersMax {
            writer.name("max_users")
            writer.number(usersMax)
        }
        writer.name("history_size")
        writer.number(historySize)
        writer.name("epoch")
        writer.string(epoch)
        writer.name("seq")
        writer.number(seq)
        writer.name("created_at")
        writer.number(createdAt)
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
    init(_ id: Identifier, _ info: RoomInfo, defaultHistorySize: Int) {
        self.init(
            id: id, name: info.settings?.name, users: info.users, connections: info.connections,
            usersMax: info.settings?.usersMax, historySize: info.settings?.historySize ?? defaultHistorySize,
            epoch: info.epoch, seq: info.seq, createdAt: info.createdAt)
    }
}
