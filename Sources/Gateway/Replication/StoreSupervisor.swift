import ControlPlane
import Foundations
import Logging
import NetworkIO
import RedisLink

/// What a loop's owner is told of its way to Redis, on the loop's thread.
protocol StoreObserver: AnyObject {
    /// Messages that are kept until the store has them.
    var messagesKept: Int { get }
    /// The store can't be reached.
    func storeLost()
    /// The store can be reached for the first time, or again: what was kept is to be sent.
    func storeReturned()
}

/// A loop's way to Redis, and what it thinks of it: tells its owner when the store is lost and when it is back.
/// Begins with `start`.
///
/// Thread: the loop's.
final class StoreSupervisor {
    let store: RedisStore
    private(set) var health: StoreHealth
    private let client: RedisClient
    private let scripts: [StoreScript]
    private let counters: StoreCounters
    private let loop: EventLoop
    private let logger: Logger
    weak var owner: (any StoreObserver)?
    private var random: FastRandom
    /// For how long the oldest reply has been due, as of the last tick.
    private var oldestOutstanding: Int?
    private var connections = 0
    /// What the present resync began with.
    private var resync: (since: Int, messages: Int)?

    /// - Parameters:
    ///   - scripts: what the owner will call.
    ///   - logger: names the loop.
    ///   - seed: for the waits between attempts: a random number.
    init(
        _ options: RedisOptions, scripts: [StoreScript], loop: EventLoop, logger: Logger, seed: UInt64,
        counters: StoreCounters, owner: (any StoreObserver)?
    ) {
        self.scripts = scripts
        self.loop = loop
        self.logger = logger
        self.counters = counters
        self.owner = owner
        random = FastRandom(seed: seed)
        client = RedisClient(options, loop: loop, seed: random.next())
        store = RedisStore(client)
        health = StoreHealth(at: loop.now)
        client.delegate = self
    }

    /// Begins to connect; the owner may be told before this returns.
    func start() { client.start() }

    func stop() { client.stop() }

    /// At each tick of the loop.
    func ticked() {
        client.ticked()
        switch health.ticked(oldestOutstanding: oldestOutstanding, at: loop.now, random: random.next()) {
        case .unchanged: break
        case .suspect: logger.notice("Redis does not answer")
        case .degraded(let reason): degraded(reason)
        case .probe:
            client.probe()
            // A connection that was silent, and answers again, needs no new one.
            if client.isReady, oldestOutstanding ?? 0 < StoreHealth.suspectMilliseconds {
                returned { self.health.answered(at: $0) }
            }
        }
        if health.state == .resyncing, messagesKept == 0 { endResync() }
        counters.state = health.state
        counters.latencyMicroseconds.set(client.latencyMicroseconds ?? 0)
        if let latency = client.takeLatency() { counters.roundTrip.observe(latency) }
    }

    private func degraded(_ reason: StoreHealth.Reason) {
        counters.state = health.state
        logger.warning("Redis is away: this node goes on with what it has", metadata: ["reason": "\(reason)"])
        owner?.storeLost()
    }

    /// The store can be reached: `event` is what health is told.
    private func returned(_ event: (Int) -> StoreHealth.AnsweredResult) {
        switch event(loop.now) {
        case .online: logger.notice("Redis answers again")
        case .resync: beginResync()
        case .unchanged: break
        }
    }

    private var messagesKept: Int { owner?.messagesKept ?? 0 }

    private func beginResync() {
        resync = (loop.now, messagesKept)
        logger.notice("Redis is back: what was kept for it is sent", metadata: ["messages": "\(messagesKept)"])
        owner?.storeReturned()
    }

    private func endResync() {
        guard health.resynced(at: loop.now) == .online else { return }
        logger.notice("Redis has all that was kept for it")
        guard let resync else { return }
        counters.resyncMessages.set(resync.messages)
        counters.resyncMilliseconds.set(loop.now - resync.since)
        counters.resyncedAt.set(loop.unixNow)
        self.resync = nil
    }
}

extension StoreSupervisor: RedisClientDelegate {
    func redisConnected(runID: String?) {
        if connections > 0 { counters.reconnects.add(1) }
        connections += 1
        for script in scripts { store.load(script) }
        switch health.connected(at: loop.now) {
        case .online:
            logger.notice("Redis is there")
            owner?.storeReturned()
        case .resync: beginResync()
        case .unchanged: break
        }
        counters.state = health.state
    }

    func redisLost(_ loss: RedisLoss) {
        let reason: StoreHealth.Reason
        switch loss {
        case .unresolved, .unreachable, .refused: reason = .refused
        case .timedOut: reason = .silent
        case .violation, .closed, .stopped: reason = .closed
        }
        if case .degraded = health.failed(reason, at: loop.now, random: random.next()) { degraded(reason) }
        logger.debug("no connection to Redis", metadata: ["why": "\(loss)"])
    }

    func redisFaultSeen(code: String) {
        if case .degraded(let reason) = health.refused(code: code, at: loop.now, random: random.next()) {
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
        logger.debug("no subscription at Redis", metadata: ["why": "\(loss)"])
    }
    func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String) {
        logger.error(
            "Redis refuses a subscription; allow this user all channels that begin with sluice",
            metadata: ["code": "\(code)", "message": "\(message)"])
    }
}
