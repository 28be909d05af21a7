import ControlPlane
import NetworkIO
import WireProtocol

// What a worker does when the tier changes.
extension Worker {
    /// What the present tier allows.
    var tierPolicy: TierPolicy { load.policy }

    /// Acts on another tier from now on, and tells its clients.
    package func adopt(_ policy: TierPolicy, _ change: TierChange) {
        let former = load.policy.tier
        guard policy != load.policy else { return }
        load.adopt(policy, reason: change.reason, configuration, at: loop.now)
        // What a room owes may be told now.
        settleDebts()
        let keys = loop.sockets.all.lazy.filter { ($0 as? Connection)?.isChatting == true }.map(\.key)
        load.notices.changed(from: former, keys: keys.shuffled(using: &random))
    }

    /// At each tick: says in the log when the worker begins, or ends, to refuse what it has no time for.
    func logLoad() {
        guard let isShedding = load.stepToLog(at: loop.now) else { return }
        let admission = load.controller.admission
        logger.notice(
            isShedding ? "a worker has more to do than it can: it sheds" : "a worker sheds no more",
            metadata: [
                "worker": "\(index)", "messages_admitted": "\((admission.share(of: .messages) * 100).rounded() / 100)",
                "rounds_ms": "\(loop.roundMilliseconds)",
            ])
    }

    /// At each tick: tells the next ones.
    func tellTier() {
        for notice in load.notices.takeDue() where notice.known != load.policy.tier {
            guard let connection = loop.socket(notice.key) as? Connection, connection.isChatting else { continue }
            connection.tellTier(previous: notice.known)
        }
    }

    /// Puts the frame that says what the present tier gives up into `writer`.
    fileprivate func writeTier(previous: Tier) {
        let policy = load.policy
        writer.tier(
            policy.tier.name, previous: previous.name, reason: load.reason,
            suspended: policy.suspended(hasStore: store != nil, isCompressing: configuration.compresses),
            messagesPerSecond: load.limits.rate.perSecond, messageBytesMax: load.limits.messageBytesMax)
    }

    /// How long somebody whose wish the tier suspends should wait with the next one: no tier is left sooner.
    func suspensionMilliseconds() -> Int { Int.random(in: 5_000...15_000, using: &random) }
}

extension Connection {
    func tellTier(previous: Tier) {
        worker.writeTier(previous: previous)
        sendWritten()
    }
}
