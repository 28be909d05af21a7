/// How many bytes a node may still be given so that its memory comes evenly to a share of its limit, and never over it,
/// although what the node says of its memory is old when it is heard.
///
/// A value; times are milliseconds of a monotonic clock.
struct FillBudget {
    /// A status shows memory as it was at most so long ago: it is sampled each second at the least, and asked for
    /// several times a second.
    static let blindMilliseconds = 1_500
    /// A byte of content costs the node a byte, what belongs to it, and what is needed to take it in.
    static let costPerByte = 1.25

    private let limitBytes: Double
    private let target: Double
    private let rampMilliseconds: Double
    private let startedAt: Int
    /// Shares of the limit in use: at the start, and as last heard.
    private let shareAtStart: Double
    private var share: Double
    /// Content that was given and may not be in `share` yet.
    private var unseen: [(at: Int, bytes: Int)] = []

    /// - Parameters:
    ///   - target: the share of the limit that is wanted.
    ///   - rampMilliseconds: in which the share rises evenly to the target.
    init(limitBytes: Int, target: Double, share: Double, rampMilliseconds: Int, at now: Int) {
        self.limitBytes = Double(limitBytes)
        self.target = target
        self.share = share
        shareAtStart = share
        self.rampMilliseconds = Double(max(rampMilliseconds, 1))
        startedAt = now
    }

    /// The node has said how much is in use.
    mutating func heard(share: Double, at now: Int) {
        self.share = share
        unseen.removeAll { now - $0.at > Self.blindMilliseconds }
    }

    /// Content was sent.
    mutating func gave(_ bytes: Int, at now: Int) { unseen.append((now, bytes)) }

    /// Bytes of content that may be sent now; 0 or less: none.
    func allowance(at now: Int) -> Int {
        let ramp = min(1, Double(now - startedAt) / rampMilliseconds)
        let wanted = shareAtStart + (target - shareAtStart) * ramp
        let room = (wanted - share) * limitBytes / Self.costPerByte
        return Int(room) - unseen.reduce(0) { $0 + $1.bytes }
    }
}
