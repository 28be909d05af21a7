import ClusterState
import NetworkIO

/// The events of a client, on the loop's thread: those that a `StoreHealth` and a log need.
package protocol RedisClientDelegate: AnyObject {
    /// Commands are taken. `boot` names this life of the server; nil when Redis does not let us ask.
    func redisConnected(boot: String?)
    /// There is no connection for commands: it was lost, or one more attempt has failed. Called before the commands are
    /// that were under way.
    func redisLost(_ loss: RedisLoss)
    /// At each tick, for how long the oldest reply has been due on either connection, in milliseconds; nil when none
    /// is.
    func redisTicked(oldestOutstanding: Int?)
    /// The subscriber's connection stands; each channel's receivers learn when theirs is live.
    func redisSubscriberConnected()
    /// The subscriber has no connection, or one more attempt has failed.
    func redisSubscriberLost(_ loss: RedisLoss)
    /// Redis does not let us have a channel; it is asked for again after the next reconnect.
    func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String)
}

/// A loop's way to Redis: a connection for commands and one for subscriptions, both kept up by themselves.
///
/// Thread: the loop's.
package final class RedisClient: ReconnectorDelegate {
    package weak var delegate: (any RedisClientDelegate)?
    /// Who listens on which channel.
    package let subscriptions: RedisSubscriptions

    /// The bounds of its connections.
    let limits: RedisLimits
    /// Keeps the connection for commands up.
    private let commands: Reconnector
    /// Keeps the subscriber's connection up.
    private let subscriber: Reconnector

    /// Begins with `start`.
    /// - Parameter seed: for the waits between attempts: a random number, so that nodes do not come back together.
    package init(_ options: RedisOptions, loop: EventLoop, seed: UInt64) {
        limits = options.limits
        commands = Reconnector(options: options, loop: loop, seed: seed) {
            (address, delegate) throws(SystemError) in
            try RedisConnection(to: address, options: options, loop: loop, delegate: delegate)
        }
        let subscriptions = RedisSubscriptions(options.limits)
        self.subscriptions = subscriptions
        subscriber = Reconnector(options: options, loop: loop, seed: ~seed) {
            (address, delegate) throws(SystemError) in
            try RedisSubscriber(to: address, options: options, loop: loop, delegate: delegate) {
                subscriptions.published($0, $1)
            }
        }
        commands.delegate = self
        subscriber.delegate = self
        subscriptions.refused = { [weak self] channel, code, message in
            self?.delegate?.redisSubscriptionRefused(channel, code: code, message: message)
        }
    }

    // MARK: Life

    /// Begins to connect, both connections at once.
    package func start() {
        commands.start()
        subscriber.start()
    }

    /// Ends both connections; what is under way gets its faults, and the delegate gets no more calls.
    package func stop() {
        delegate = nil
        commands.stop()
        subscriber.stop()
        subscriptions.lost()
    }

    /// To be called at each tick of the loop: for signs of life, and for attempts whose time has come.
    package func ticked() {
        commands.ticked()
        subscriber.ticked()
        let ages = [commands, subscriber].compactMap { $0.connection?.oldestOutstanding }
        delegate?.redisTicked(oldestOutstanding: ages.max())
    }

    /// Asks Redis for a sign of life now; without a connection, tries at once to get one.
    package func probe() {
        commands.probe()
        subscriber.probe()
    }

    /// Gives both connections up, looks the name up and connects anew: this server is not the one that is meant.
    package func renew() {
        renewSubscriber()
        commands.renew()
    }

    /// Gives the subscriber's connection up and gets another one.
    package func renewSubscriber() { subscriber.renew() }

    // MARK: Commands

    /// Whether commands are taken.
    package var isReady: Bool { commands.connection?.isReady ?? false }
    /// How long a reply took lately, in microseconds; nil without a connection.
    package var latencyMicroseconds: Int? { commands.connection?.latencyMicroseconds }
    /// The same, if it was measured since the last call: each measurement is given once.
    package func takeLatency() -> Int? { commands.connection?.takeLatency() }
    /// Whether the next command is taken.
    package var hasRoom: Bool { commands.connection?.hasRoom ?? false }
    /// Commands without a reply.
    package var outstanding: Int { commands.connection?.outstanding ?? 0 }

    /// Sends a command; see `RedisConnection.send`. Without a connection the outcome is `.unavailable` at once.
    package func send(_ words: [[UInt8]], _ completion: RedisCompletion) {
        guard let connection = commands.connection else { return completion.complete(.fault(.unavailable)) }
        connection.send(words, completion)
    }

    /// As `send`, for a command that `fill` writes word by word.
    package func send(
        wordCount: Int, payloadBytes: Int, _ completion: RedisCompletion, _ fill: (inout RESPWriter) -> Void
    ) {
        guard let connection = commands.connection else { return completion.complete(.fault(.unavailable)) }
        connection.send(wordCount: wordCount, payloadBytes: payloadBytes, completion, fill)
    }

    // MARK: What the reconnectors say

    func ready(_ reconnector: Reconnector, _ connection: RedisConnection) {
        if reconnector === commands {
            delegate?.redisConnected(boot: connection.boot)
        } else {
            delegate?.redisSubscriberConnected()
            subscriptions.ready(connection)
        }
    }

    func lost(_ reconnector: Reconnector, _ loss: RedisLoss) {
        if reconnector === commands {
            delegate?.redisLost(loss)
        } else {
            delegate?.redisSubscriberLost(loss)
            subscriptions.lost()
        }
    }
}
