import NetworkIO

/// Asks a node for its status again and again, without waiting.
///
/// Thread: the loop's.
final class NodeWatch {
    /// From one answer to the next question.
    private static let pauseMilliseconds = 150
    /// A node that has not answered for so long can't be reached.
    static let silenceMilliseconds = 20_000

    private let site: DrillSite
    private var exchange: Exchange?
    private var askedAt = 0
    private var heardAt = Clock.monotonicMilliseconds()
    /// Told each status, and when it came (monotonic milliseconds).
    var arrived: (NodeStatus, Int) -> Void = { _, _ in }
    private(set) var latest: NodeStatus?
    /// The HTTP status of the last answer that was no report; nil when there was none.
    private(set) var refusal: Int?

    init(_ site: DrillSite) { self.site = site }

    /// Whether the node has been silent for too long.
    var isSilent: Bool { Clock.monotonicMilliseconds() - heardAt > Self.silenceMilliseconds }

    /// To be called in each turn of a wait.
    func turn() {
        let now = Clock.monotonicMilliseconds()
        if let exchange {
            guard exchange.isOver else { return }
            self.exchange = nil
            take(exchange.answer, at: now)
        }
        guard now - askedAt >= Self.pauseMilliseconds else { return }
        askedAt = now
        exchange = try? Exchange(
            site.request("GET", "/api/system/status"), to: site.node.address, loop: site.loop)
    }

    private func take(_ bytes: [UInt8], at now: Int) {
        guard let answer = DrillSite.answer(in: bytes) else { return }
        let status = answer.status == 200 ? answer.body.withUnsafeBytes { NodeStatus($0) } : nil
        guard let status else {
            refusal = answer.status
            return
        }
        heardAt = now
        latest = status
        arrived(status, now)
    }
}
