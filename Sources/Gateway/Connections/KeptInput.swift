import WireProtocol

/// Input of a connection that is kept back, and why. At most what the loop reads at once, as nothing more is read.
final class KeptInput {
    /// The things that it waits for.
    struct Reasons: OptionSet {
        let rawValue: UInt8
        /// The answer of a home, or to an HTTP request.
        static let answer = Reasons(rawValue: 1)
        /// That the kernel takes what is queued.
        static let output = Reasons(rawValue: 2)
        /// The connection's next turn.
        static let turn = Reasons(rawValue: 4)
        /// The close frame, which is sent once what was taken is answered: nothing is taken before.
        static let close = Reasons(rawValue: 8)
    }

    /// Bytes of output that may be unsent while further input is taken.
    static let unsentBytesMax = 64 * 1024

    var reasons: Reasons
    /// Loop milliseconds since when it waits.
    private(set) var since: Int
    var bytes = ByteAccumulator()
    /// The room that was asked for.
    var joining: Joining?
    /// An operator's orders that are not carried out, the one under way first.
    var orders: [PendingOrder] = []
    /// How the peer takes what is queued, while that is looked at.
    private(set) var progress: OutputProgress?

    init(for reasons: Reasons, at now: Int) {
        self.reasons = reasons
        since = now
    }

    /// It is the rest of input that has waited before.
    func goesOn(from former: KeptInput) { since = min(since, former.since) }

    /// Looks how the peer takes what is queued.
    func looked(unacknowledged: Int, at now: Int) -> OutputProgress.Look {
        var progress = progress ?? OutputProgress(at: now)
        defer { self.progress = progress }
        return progress.looked(unacknowledged: unacknowledged, at: now)
    }

    /// The kernel has all that was queued; true if input waited for that and now waits for its turn.
    func drained() -> Bool {
        progress = nil
        guard reasons.remove(.output) != nil else { return false }
        reasons.insert(.turn)
        return true
    }
}
