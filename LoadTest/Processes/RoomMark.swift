/// The newest acked seq of a room.
struct RoomMark: Codable, Sendable, Equatable {
    var room: Int
    var epoch: String
    var seq: UInt64

    /// The newest of each room and epoch.
    static func merged(_ marks: [RoomMark]) -> [RoomMark] {
        var newest: [String: RoomMark] = [:]
        for mark in marks {
            let key = "\(mark.room) \(mark.epoch)"
            if mark.seq > newest[key]?.seq ?? 0 { newest[key] = mark }
        }
        return Array(newest.values)
    }
}
