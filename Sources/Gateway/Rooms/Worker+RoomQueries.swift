import Foundations
import Rooms
import WireProtocol

// Reading of rooms, for frames and for HTTP. On the home's thread.
extension Worker {
    /// Bytes of messages that one history answer holds at most; it may be incomplete for that.
    static let historyBytesMax = 512 * 1024

    /// Answers a `history` frame.
    func history(_ query: HistoryQuery, of id: Identifier, requestID: String?, _ info: ConnectionInfo) {
        let home = rooms[id]
        writer.removeAll()
        writeHistory(query, of: id, home?.room, requestID: requestID, type: "history")
        answerWritten(info, behind: home)
    }

    /// Writes a history: of an unknown room, an empty one.
    func writeHistory(
        _ query: HistoryQuery, of id: Identifier, _ room: Room?, requestID: String?, type: StaticString?
    ) {
        let page = room.map { historyPage(query, $0.log) }
        writer.beginObject()
        if let type {
            writer.name("type")
            writer.string(type)
        }
        if let requestID {
            writer.name("id")
            writer.string(requestID)
        }
        writer.name("room")
        writer.string(id)
        writer.name("epoch")
        writer.string(room?.log.epoch ?? "")
        writer.name("messages")
        writer.beginArray()
        for entry in page?.entries ?? [] { writer.raw(entry.frame.payload) }
        writer.endArray()
        writer.name("complete")
        writer.bool(page?.isComplete ?? true)
        writer.endObject()
    }

    private func historyPage(
        _ query: HistoryQuery, _ log: MemoryLog
    ) -> (entries: ArraySlice<LogEntry>, isComplete: Bool) {
        let bytes = Self.historyBytesMax
        switch query.anchor {
        case .after(let seq):
            let found = log.entries(after: seq, countMax: query.limit, byteCountMax: bytes)
            return (found[...], found.last.map { log.count(after: $0.seq) == 0 } ?? true)
        case .newest:
            return page(before: log.newestSeq + 1, query.limit, log)
        case .before(let seq):
            return page(before: min(seq, log.newestSeq + 1), query.limit, log)
        }
    }

    /// The last entries before `seq`, as many as the limits allow.
    private func page(
        before seq: UInt64, _ limit: Int, _ log: MemoryLog
    ) -> (entries: ArraySlice<LogEntry>, isComplete: Bool) {
        let found = log.entries(before: seq, countMax: limit)
        var bytes = 0
        var start = found.endIndex
        while start > 0, bytes <= Self.historyBytesMax {
            start -= 1
            bytes += found[start].frame.length
        }
        let page = found[start...]
        return (page, page.first.map { log.entries(before: $0.seq, countMax: 1).isEmpty } ?? true)
    }

    /// Users that one `users` frame names at most.
    static let usersPerFrameMax = 1000

    /// Answers a `users` frame.
    func users(of id: Identifier, limit: Int, requestID: String?, _ info: ConnectionInfo) {
        let home = rooms[id]
        writer.removeAll()
        writer.beginObject()
        writer.name("type")
        writer.string("users" as StaticString)
        if let requestID {
            writer.name("id")
            writer.string(requestID)
        }
        _ = writeUsers(of: id, home, after: nil, limit: limit)
        writer.endObject()
        answerWritten(info, behind: home)
    }

    /// Writes who is in a room on all nodes, as members of an open object; returns the last user if there are more.
    func writeUsers(of id: Identifier, _ home: RoomHome?, after cursor: Identifier?, limit: Int) -> Identifier? {
        let page = home?.users(after: cursor, limit: limit) ?? (users: [], isComplete: true)
        writer.name("room")
        writer.string(id)
        writer.name("count")
        writer.number(home?.userCount ?? 0)
        writer.name("complete")
        writer.bool(page.isComplete)
        writer.name("users")
        writer.beginArray()
        for user in page.users {
            writer.beginObject()
            writer.name("user")
            writer.string(user)
            if let mark = home?.room.readMark(of: user) {
                writer.name("read_seq")
                writer.number(mark)
            }
            writer.name("devices")
            writer.beginArray()
            for entry in home?.room.attendance(of: user).entries ?? [] {
                writer.beginObject()
                writeDevice(entry.info)
                writer.endObject()
            }
            for remote in home?.shared?.presence?.roster.attendances(of: user) ?? [] { writeDevices(remote) }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        return page.isComplete ? nil : page.users.last
    }

    /// Writes a user's devices on another node.
    private func writeDevices(_ remote: RemoteAttendance) {
        for device in remote.devices {
            writer.beginObject()
            writeDevice(device, on: remote.node)
            writer.endObject()
        }
    }

    private func writeDevice(_ device: Identifier, type: String?, node: String, connectedAt: Int) {
        writer.name("device")
        writer.string(device)
        if let type {
            writer.name("device_type")
            writer.string(type)
        }
        writer.name("node")
        writer.string(node)
        writer.name("since_at")
        writer.number(connectedAt)
    }

    /// Writes a device of another node as members of an open object.
    func writeDevice(_ device: RemoteAttendance.Device, on node: String) {
        writeDevice(device.device, type: device.deviceType, node: node, connectedAt: device.connectedAt)
    }

    /// Writes a connection's device as members of an open object.
    func writeDevice(_ info: ConnectionInfo) {
        writeDevice(info.device, type: info.deviceType, node: context.nodeID, connectedAt: info.connectedAt)
    }
}
