import ClusterState
import Logging
import NetworkIO

/// Logs for an operator how the node stands with Redis: once for all its loops.
///
/// Thread: the control loop's.
final class StoreWatch {
    private let context: NodeContext
    private let loop: EventLoop
    private var news: StoreNews

    init(context: NodeContext, loop: EventLoop) {
        self.context = context
        self.loop = loop
        news = StoreNews(at: loop.now)
    }

    /// At each tick of the loop.
    func ticked() {
        let report = StoreReport(context: context)
        guard let state = report.state, let line = news.looked(state, report.loss?.reason, at: loop.now) else {
            return
        }
        let logger = context.logger
        switch line {
        case .reached: logger.notice("Redis is there")
        case .lost(let reason):
            logger.warning("Redis is away: this node goes on with what it has", metadata: metadata(reason))
        case .changed(let reason):
            logger.warning("Redis is still away, for another reason", metadata: metadata(reason))
        case .returned: logger.notice("Redis serves again")
        }
    }

    private func metadata(_ reason: StoreHealth.Reason) -> Logger.Metadata {
        ["reason": "\(reason.text)", "next": "\(reason.advice)"]
    }
}
