/// An order of the parent to a loading process, one JSON line each.
enum LoaderOrder: Codable, Sendable {
    /// The first: says which process it is. No reply.
    case begin(Plan, process: Int)
    /// Connect your share; the reply is `allIn`.
    case connect
    /// Send from now on; nil stops.
    case send(SendOrder?)
    /// Connect and close again and again; the rate is this process' share, nil: as fast as it goes.
    case churn(perSecond: Double?)
    case stopChurn
    /// Cut all connections and come back; the reply is `allIn`.
    case cut
    /// The reply is `sample`: the counts since the last one.
    case report
    /// Wait for the acks that are due, until nothing has come for so long; the reply is `settled`.
    case settle(milliseconds: Int)
    /// These seqs were acked: wait likewise until all members have them; the reply is `checked`.
    case expect([RoomMark], milliseconds: Int)
}

/// How to send: at a rate (open loop) or with a window (closed loop). Both are of one process.
struct SendOrder: Codable, Sendable {
    var perSecond: Double?
    var window: Int?
    var rampSeconds = 0.0
}
