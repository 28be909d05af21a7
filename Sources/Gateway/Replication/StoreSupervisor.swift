import ClusterState
import Core
import Logging
import NetworkIO
import RedisLink

/// Events of a loop's way to Redis, for the loop's owner, on the loop's thread.
protocol StoreObserver: AnyObject {
    /// Messages that are kept until the store has them.
    var messagesKept: Int { get }
    /// The store can't serve.
    func storeLost()
    /// The store serves for the first time, or again: what was kept goes to it now.
    func storeReturned()
}

/// A loop's way to Redis, and what it thinks of it: notifies its owner when the store is lost and when it is back.
/// `StoreWatch` logs it for an operator, once for all loops of the node. Begins with `start`.
///
/// Thread: the loop's.
final class StoreSupervisor {
    /// Refusals that say nothing about the store as a whole are logged at most so often.
    private static let noteMilliseconds = 10_000

    let store: RedisStore
    private(set) var health: StoreHealth
    private let client: RedisClient
    private let probe: StoreProbe
    private let scripts: [StoreScript]
    private let counters: StoreCounters
    private let loop: EventLoop
    private let logger: Logger
    weak var owner: (any StoreObserver)?
    private var random: FastRandom
    /// For how long the oldest reply has been due, as of the last tick.
    private var oldestOutstanding: Int?
    private var connections = 0
    /// When the present resync began, and how many messages waited then.
    private var resync: (since: Int, messages: Int)?
    /// When such a refusal was logged, and how many came since then.
    private var noted: (at: Int, count: Int)?

    /// - Parameters:
    ///   - name: the run's and the loop's, which no other loop of the cluster has.
    ///   - scripts: what the owner will call.
    ///   - logger: names the loop.
    ///   - seed: for the waits between attempts: a random number.
    init(
        _ options: RedisOptions, name: String, scripts: [StoreScript], loop: EventLoop, logger: Logger, seed: UInt64,
        counters: StoreCounters
    ) {
        self.scripts = [StoreProbe.script] + scripts
        self.loop = loop
        self.logger = logger
        self.counters = counters
        probe = StoreProbe(name: name)
        random = FastRandom(seed: seed)
        client = RedisClient(options, loop: loop, seed: random.next())
        store = RedisStore(client)
        health = StoreHealth(at: loop.now)
        client.delegate = self
        store.refused = { [unowned self] refusal, lane in refused(refusal, lane) }
        // Who hears a probe hears all: nobody is made to read what was published before.
        store.subscribe(probe.channel, isLast: true) { [unowned self] notice in noticed(notice) }
    }

    /// Begins to connect; the owner may be notified before this returns.
    func start() { client.start() }

    func stop() { client.stop() }

    /// At each tick of the loop.
    func ticked() {
        client.ticked()
        switch health.ticked(oldestOutstanding: oldestOutstanding, at: loop.now, random: random.next()) {
        case .unchanged: break
        case .suspect: logger.debug("Redis does not answer")
        case .degraded(let reason): degraded(reason)
        case .probe(let number): send(number)
        case .renewSubscription: client.renewSubscriber()
        }
        if health.state == .resyncing, messagesKept == 0 { endResync() }
        publish()
        counters.latencyMicroseconds.set(client.latencyMicroseconds ?? 0)
        if let latency = client.takeLatency() { counters.roundTrip.observe(latency) }
    }

    private func publish() {
        counters.state = health.state
        guard let reason = health.reason else { return }
        let lostAt = loop.unixNow - (loop.now - health.since)
        counters.lastLoss.withLock { $0 = StoreCounters.Loss(reason: reason, at: lostAt) }
    }

    // MARK: Probes

    private func send(_ number: Int) {
        // `redisConnected` or `redisLost` follows.
        guard client.isReady else { return client.probe() }
        store.perform(probe.operation(number), in: .commits) { [weak self] result in self?.answered(number, result) }
    }

    private func answered(_ number: Int, _ result: StoreResult) {
        switch result {
        case .success(.bytes(let bytes)) where StoreProbe.number(bytes) == number:
            probed(health.probeAnswered(number, at: loop.now))
        case .success: failed(.violation("what was written is not what is read"))
        case .failure(.refused(let code, let message)):
            refused(StoreRefusal(code: code, message: message), .commits)
        // Each of these comes here by another way, or shows as time passes.
        case .failure: break
        }
    }

    private func noticed(_ notice: StoreNotice) {
        switch notice {
        case .live: health.subscribed(at: loop.now)
        case .interrupted: health.interrupted()
        case .message(let payload):
            guard let number = StoreProbe.number(payload) else { return }
            probed(health.probeHeard(number, at: loop.now))
        }
    }

    private func probed(_ result: StoreHealth.ProbedResult) {
        switch result {
        case .unchanged: return
        case .online: owner?.storeReturned()
        case .resync:
            resync = (loop.now, messagesKept)
            logger.debug("Redis is back: what was kept for it is sent", metadata: ["messages": "\(messagesKept)"])
            owner?.storeReturned()
        }
        publish()
    }

    // MARK: The end of it

    private func failed(_ reason: StoreHealth.Reason) {
        if case .degraded(let reason) = health.failed(reason, at: loop.now, random: random.next()) { degraded(reason) }
    }

    /// Redis can't serve, or a part of it: what may be about one command alone, and none that a commit needs, is noted.
    private func refused(_ refusal: StoreRefusal, _ lane: StoreLane) {
        guard lane == .commits || refusal.isGeneral else { return note(refusal) }
        if case .degraded(let reason) = health.refused(refusal, at: loop.now, random: random.next()) {
            degraded(reason)
        }
        if refusal.isOfConnection { client.renew() }
    }

    private func note(_ refusal: StoreRefusal) {
        noted?.count += 1
        if let noted, loop.now - noted.at < Self.noteMilliseconds { return }
        logger.warning(
            "Redis refuses an operation",
            metadata: ["reason": "\(refusal.text)", "next": "\(refusal.advice)", "more": "\(noted?.count ?? 0)"])
        noted = (loop.now, 0)
    }

    private func degraded(_ reason: StoreHealth.Reason) {
        publish()
        logger.debug("Redis is away", metadata: ["reason": "\(reason.text)"])
        owner?.storeLost()
    }

    private var messagesKept: Int { owner?.messagesKept ?? 0 }

    private func endResync() {
        guard health.resynced(at: loop.now) == .online, let resync else { return }
        counters.resyncMessages.set(resync.messages)
        counters.resyncMilliseconds.set(loop.now - resync.since)
        counters.resyncedAt.set(loop.unixNow)
        self.resync = nil
    }
}

extension StoreSupervisor: RedisClientDelegate {
    func redisConnected(boot: String?) {
        if connections > 0 { counters.reconnects.add(1) }
        connections += 1
        for script in scripts { store.load(script) }
        if case .probe(let number) = health.connected(at: loop.now) { send(number) }
    }

    func redisLost(_ loss: RedisLoss) {
        logger.debug("no connection to Redis", metadata: ["why": "\(loss)"])
        if let reason = loss.reason { failed(reason) }
    }

    func redisTicked(oldestOutstanding: Int?) {
        self.oldestOutstanding = oldestOutstanding
        guard health.state == .suspect, oldestOutstanding ?? 0 < StoreHealth.suspectMilliseconds else { return }
        if health.answered(at: loop.now) == .online { publish() }
    }

    func redisSubscriberConnected() {}
    func redisSubscriberLost(_ loss: RedisLoss) {
        logger.debug("no subscription at Redis", metadata: ["why": "\(loss)"])
    }

    func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String) {
        let refusal = StoreRefusal(code: code, message: message)
        if channel.name.elementsEqual(probe.channel) { health.subscriptionRefused(refusal) }
        note(refusal)
    }
}

extension RedisLoss {
    /// Why the store is away after it; nil when this node has ended the connection itself.
    var reason: StoreHealth.Reason? {
        switch self {
        case .unresolved(let text): .unresolved(text)
        case .unreachable(let text): .unreachable(text)
        case .insecure(let text): .insecure(text)
        case .refused(_, let code, let message): .refused(StoreRefusal(code: code, message: message))
        case .timedOut(.tls): .insecure("no answer to the handshake; it may speak no TLS")
        case .timedOut: .noAnswer
        case .violation(let text): .violation(text)
        case .closed(let text): .closed(text)
        case .renewed, .stopped: nil
        }
    }
}
