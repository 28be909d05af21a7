/// What the parent tells a loading process, one JSON line each.
enum Order: Codable, Sendable {
    /// The first: who you are. Answered by nothing.
    case begin(Plan, process: Int)
    /// Connect your share; answered by `allIn`.
    case connect
    /// Send from now on; nil stops.
    case send(SendOrder?)
    /// Connect and close again and again; the rate is this process' share, nil: as fast as it goes.
    case churn(perSecond: Double?)
    case stopChurn
    /// Cut all connections and come back; answered by `allIn`.
    case cut
    /// Answered by `sample`: what was counted since the last one.
    case report
    /// Wait for the acks that are due, until nothing has come for so long; answered by `settled`.
    case settle(milliseconds: Int)
    /// These seqs were acked: wait likewise until all members have them; answered by `checked`.
    case expect([RoomMark], milliseconds: Int)
}

/// How to send: at a rate (open loop) or with a window (closed loop). Both are of one process.
struct SendOrder: Codable, Sendable {
    var perSecond: Double?
    var window: Int?
    var rampSeconds = 0.0
}

/// What a loading process answers.
enum Answer: Codable, Sendable {
    /// Every connection is in its room, with all it missed, or has failed.
    case allIn(milliseconds: Double)
    case sample(Sample)
    case settled([RoomMark])
    /// Messages that members who are still connected did not get, up to the marks.
    case checked(lost: Int)

    struct Sample: Codable, Sendable {
        var tally: Tally
        /// Connections that are open now.
        var connected: Int
        /// Acks that are due now.
        var unacked: Int
    }
}

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
