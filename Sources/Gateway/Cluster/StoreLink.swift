import ControlPlane
import Foundations
import Logging
import NetworkIO
import RedisLink

/// A worker's way to Redis, and what it thinks of it: tells the worker when the store is lost and when it is back.
///
/// Thread: the worker's.
final class StoreLink {
    let store: RedisStore
    private(set) var health: StoreHealth
    private let client: RedisClient
    private unowned let worker: Worker
    private var random: FastRandom
    /// For how long the oldest reply has been due, as of the last tick.
    private var oldestOutstanding: Int?

    init(_ options: RedisOptions, of worker: Worker) {
        self.worker = worker
        random = FastRandom(seed: worker.random.next())
        client = RedisClient(options, loop: worker.loop, seed: worker.random.next())
        store = RedisStore(client)
        health = StoreHealth(at: worker.loop.now)
        client.delegate = self
        client.start()
    }

    func stop() { client.stop() }

    /// At each tick of the loop.
    func ticked() {
        client.ticked()
        switch health.ticked(oldestOutstanding: oldestOutstanding, at: worker.loop.now, random: random.next()) {
        case .unchanged: break
        case .suspect:
            worker.logger.notice("Redis does not answer", metadata: ["worker": "\(worker.index)"])
        case .degraded(let reason): degraded(reason)
        case .probe:
            client.probe()
            // A connection that was silent, and answers again, needs no new one.
            if client.isReady, oldestOutstanding ?? 0 < StoreHealth.suspectMilliseconds {
                returned { self.health.answered(at: $0) }
            }
        }
        if health.state == .resyncing, worker.outbox.messages == 0,
            health.resynced(at: worker.loop.now) == .online
        {
            worker.logger.notice("Redis has all that was kept for it", metadata: ["worker": "\(worker.index)"])
        }
    }

    private func degraded(_ reason: StoreHealth.Reason) {
        worker.logger.warning(
            "Redis is away: this node goes on with what it has",
            metadata: ["worker": "\(worker.index)", "reason": "\(reason)"])
        worker.storeLost()
    }

    /// The store can be reached: `event` is what health is told.
    private func returned(_ event: (Int) -> StoreHealth.AnsweredResult) {
        switch event(worker.loop.now) {
        case .online: worker.logger.notice("Redis answers again", metadata: ["worker": "\(worker.index)"])
        case .resync: resync()
        case .unchanged: break
        }
    }

    private func resync() {
        worker.logger.notice(
            "Redis is back: what was kept for it is sent",
            metadata: ["worker": "\(worker.index)", "messages": "\(worker.outbox.messages)"])
        worker.storeReturned()
    }
}

extension StoreLink: RedisClientDelegate {
    func redisConnected(runID: String?) {
        store.load(LogCommit.script)
        store.load(RoomPresence.script)
        switch health.connected(at: worker.loop.now) {
        case .online:
            worker.logger.notice("Redis is there", metadata: ["worker": "\(worker.index)"])
            worker.storeReturned()
        case .resync: resync()
        case .unchanged: break
        }
    }

    func redisLost(_ loss: RedisLoss) {
        let reason: StoreHealth.Reason
        switch loss {
        case .unresolved, .unreachable, .refused: reason = .refused
        case .timedOut: reason = .silent
        case .violation, .closed, .stopped: reason = .closed
        }
        if case .degraded = health.failed(reason, at: worker.loop.now, random: random.next()) { degraded(reason) }
        worker.logger.debug("no connection to Redis", metadata: ["worker": "\(worker.index)", "why": "\(loss)"])
    }

    func redisFaultSeen(code: String) {
        if case .degraded(let reason) = health.refused(code: code, at: worker.loop.now, random: random.next()) {
            degraded(reason)
        }
    }

    func redisTicked(oldestOutstanding: Int?) {
        self.oldestOutstanding = oldestOutstanding
        guard health.state == .suspect, oldestOutstanding ?? 0 < StoreHealth.suspectMilliseconds else { return }
        returned { self.health.answered(at: $0) }
    }

    func redisSubscriberConnected() {}
    func redisSubscriberLost(_ loss: RedisLoss) {
        worker.logger.debug(
            "no subscription at Redis", metadata: ["worker": "\(worker.index)", "why": "\(loss)"])
    }
    func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String) {
        worker.logger.error(
            "Redis refuses a subscription; allow this user all channels that begin with sluice",
            metadata: ["code": "\(code)", "message": "\(message)"])
    }
}
