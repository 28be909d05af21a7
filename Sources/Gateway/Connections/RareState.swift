import Core

/// State of a connection that few need. It lies beside the connection, so that an idle one stays small.
///
/// Thread: the connection's.
final class RareState {
    /// Counted in the address book.
    var client: Client?
    var wait: KeptInput?
    /// The connection is closed for it once its messages are answered.
    var closeReason: CloseReason?
    /// The bucket of what keeps a connection up: pings and the like.
    var upkeep: Upkeep?
    private var flood: FloodCounter?

    var isNeeded: Bool { wait != nil || flood != nil || client != nil || closeReason != nil || upkeep != nil }

    /// Counts a refused frame; true when it makes a flood.
    func countRefusal(at now: Int, policy: RatePolicy) -> Bool {
        var counter = flood ?? FloodCounter()
        defer { flood = counter }
        return counter.refused(now: now, policy: policy)
    }
}
