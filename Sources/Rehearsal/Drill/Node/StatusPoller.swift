import NetworkIO
import Toolkit

/// Asks a node for its status again and again, without waiting.
///
/// Thread: the loop's.
final class StatusPoller {
    /// From one answer to the next question.
    private static let pauseMilliseconds = 150
    /// A question without an answer is given up.
    private static let answerMilliseconds = 2000
    /// A node that has not answered for so long can't be reached.
    static let silenceMilliseconds = 20_000

    private let site: DrillSite
    private var connection: HTTPConnection?
    private var askedAt = 0
    private var heardAt = Clock.monotonicMilliseconds()
    /// Gets each status, and when it came (monotonic milliseconds).
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
        guard connection == nil, now - askedAt >= Self.pauseMilliseconds else { return }
        askedAt = now
        connection = try? HTTPConnection(
            to: site.node.address, securedWith: site.peer, timeoutMilliseconds: Self.answerMilliseconds, loop: site.loop
        ) { [weak self] answer in self?.answered(answer) }
        connection?.ask(site.request(.get, "/api/system/status"))
    }

    private func answered(_ answer: HTTPAnswer?) {
        guard let answer else { return connection = nil }
        take(answer, at: Clock.monotonicMilliseconds())
        connection?.close()
    }

    private func take(_ answer: HTTPAnswer, at now: Int) {
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
