import ClusterState
import Core
import NetworkIO

/// The events of a client for locks, on the loop's thread.
package protocol LockClientDelegate: AnyObject {
    /// Locks can be asked for.
    func locksConnected()
    /// Redis can't be reached, or one more attempt has failed. Those who wait for a lock are notified next.
    func locksDisconnected(_ loss: RedisLoss)
}

/// A process' way to the locks of a cluster, for one that does nothing else with Redis.
///
/// Thread: the loop's. The owner ticks it.
package final class LockClient: RedisClientDelegate {
    package weak var delegate: (any LockClientDelegate)?
    package let keeper: LockKeeper
    private let client: RedisClient
    private let store: RedisStore

    /// Begins with `start`.
    /// - Parameters:
    ///   - quarantine: as of `LockKeeper`; the same in all processes.
    ///   - happened: as of `LockKeeper`.
    package init(
        _ options: RedisOptions, loop: EventLoop, quarantine: Int = LockLimits.ttlMilliseconds.upperBound,
        happened: @escaping (Identifier, LockKeeper.Event) -> Void
    ) {
        let seed = Digest.random(count: 8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        client = RedisClient(options, loop: loop, seed: seed)
        store = RedisStore(client)
        keeper = LockKeeper(
            store: store, name: LockClient.randomName(), quarantine: quarantine, clock: Clock.bootMilliseconds,
            happened: happened)
        client.delegate = self
    }

    /// A name for a keeper, which no other process has.
    package static func randomName() -> String {
        String(decoding: Digest.sha1Digits(Digest.random(count: 16)), as: UTF8.self)
    }

    /// Begins to connect; the delegate may be notified before this returns.
    package func start() { client.start() }

    /// To be called at each tick of the loop.
    package func ticked() {
        client.ticked()
        keeper.ticked()
    }

    /// Ends the connections.
    package func stop() { client.stop() }

    package func redisConnected(boot: String?) {
        for script in LockScripts.all { store.load(script) }
        keeper.storeConnected()
        delegate?.locksConnected()
    }

    package func redisLost(_ loss: RedisLoss) {
        delegate?.locksDisconnected(loss)
        keeper.storeLost()
    }

    package func redisTicked(oldestOutstanding: Int?) {}
    package func redisSubscriberConnected() {}
    package func redisSubscriberLost(_ loss: RedisLoss) {}
    package func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String) {}
}
