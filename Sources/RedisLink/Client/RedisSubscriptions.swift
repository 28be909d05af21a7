/// Who listens on which channel, and what Redis knows of it: one SUBSCRIBE for all receivers of a channel, again after
/// each reconnect, and UNSUBSCRIBE when the last one has gone.
///
/// What is wanted and what was asked for are compared channel by channel; a request that is under way is waited for, so
/// that a change of mind meanwhile costs nothing. Bounded by its callers: a channel per room that they serve.
/// Thread: the loop's.
package final class RedisSubscriptions {
    /// Requests without an answer at most; the others follow as these are answered. Redis answers each in microseconds.
    package static let unansweredMax = 4096

    /// Called for a channel that Redis does not let us have.
    var refused: (_ channel: RedisChannel, _ code: String, _ message: String) -> Void = { _, _, _ in }

    private var channels: [RedisChannel.Key: RedisChannel] = [:]
    private var connection: RedisConnection?
    /// Channels for which a request may be due.
    private var listed: ContiguousArray<RedisChannel> = []
    private var unanswered = 0
    private let unansweredMax: Int
    private var isAsking = false

    /// For connections with these limits: there has to be room for a PING, too.
    init(_ limits: RedisLimits) {
        unansweredMax = max(1, min(Self.unansweredMax, limits.outstandingMax - 1))
    }

    /// Channels that somebody listens on, or that Redis has not confirmed to have let go.
    package var count: Int { channels.count }

    // MARK: What callers use

    /// Has `receiver` notified of `name` from now on. Each call is a subscription of its own. When the channel is live
    /// already, the receiver learns it before this returns.
    /// - Parameter isLast: whether the channel comes last on a new connection: once it is live, all others are.
    package func subscribe(
        _ name: UnsafeRawBufferPointer, _ receiver: any RedisChannelReceiver, isLast: Bool = false
    ) {
        let channel = channels[RedisChannel.Key(bytes: name)] ?? make(name)
        if isLast { channel.isLast = true }
        channel.receivers.append(receiver)
        if channel.isLive { receiver.subscriptionLive(channel) } else { list(channel) }
        ask()
    }

    /// Ends one subscription of `receiver`; without one, nothing.
    package func unsubscribe(_ name: UnsafeRawBufferPointer, _ receiver: any RedisChannelReceiver) {
        guard let channel = channels[RedisChannel.Key(bytes: name)],
            let index = channel.receivers.firstIndex(where: { $0 === receiver })
        else { return }
        channel.receivers.remove(at: index)
        guard !channel.isWanted else { return }
        channel.isLive = false
        list(channel)
        settle(channel)
        ask()
    }

    // MARK: What the connection says

    func ready(_ connection: RedisConnection) {
        self.connection = connection
        // The last that is listed is asked for first.
        for channel in channels.values where channel.isLast { list(channel) }
        for channel in channels.values where !channel.isLast { list(channel) }
        ask()
    }

    func lost() {
        connection = nil
        unanswered = 0
        for channel in listed { channel.isListed = false }
        listed.removeAll()
        let former = channels.values
        for channel in former {
            channel.isAsked = false
            channel.unanswered = 0
            if !channel.isWanted { channels[RedisChannel.Key(bytes: channel.name)] = nil }
        }
        for channel in former where channel.isLive {
            channel.isLive = false
            for receiver in channel.receivers { receiver.subscriptionInterrupted(channel) }
        }
    }

    func published(_ name: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
        guard let channel = channels[RedisChannel.Key(bytes: name)] else { return }
        for receiver in channel.receivers { receiver.published(payload, on: channel) }
    }

    // MARK: Requests

    private func make(_ name: UnsafeRawBufferPointer) -> RedisChannel {
        let channel = RedisChannel(name)
        channels[RedisChannel.Key(bytes: channel.name)] = channel
        return channel
    }

    /// Without a connection nothing is due; the next one begins with all channels.
    private func list(_ channel: RedisChannel) {
        guard connection != nil, !channel.isListed else { return }
        channel.isListed = true
        listed.append(channel)
    }

    /// Sends what is due, as far as the bound allows.
    private func ask() {
        guard !isAsking, let connection, connection.isReady else { return }
        isAsking = true
        defer { isAsking = false }
        while unanswered < unansweredMax, let channel = listed.popLast() {
            channel.isListed = false
            guard channel.isWanted != channel.isAsked else {
                settle(channel)
                continue
            }
            channel.isAsked = channel.isWanted
            channel.unanswered += 1
            unanswered += 1
            request(channel, on: connection)
        }
    }

    private func request(_ channel: RedisChannel, on connection: RedisConnection) {
        let word: StaticString = channel.isWanted ? "SUBSCRIBE" : "UNSUBSCRIBE"
        let completion = RedisCompletion.closure { [weak self] outcome in self?.answered(channel, outcome) }
        connection.send(
            wordCount: 2, payloadBytes: word.utf8CodeUnitCount + channel.name.count, completion
        ) { writer in
            writer.append(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
            writer.append(channel.name)
        }
    }

    private func answered(_ channel: RedisChannel, _ outcome: RedisOutcome) {
        // A fault is the connection's end, after which everything is asked anew.
        guard case .reply(let reply) = outcome else { return }
        unanswered -= 1
        channel.unanswered -= 1
        assert(unanswered >= 0 && channel.unanswered >= 0, "Redis answered more than it was asked")
        if let error = reply.error {
            refused(channel, error.code, error.message)
        } else if channel.isAsked, channel.isWanted, channel.unanswered == 0, !channel.isLive {
            channel.isLive = true
            for receiver in channel.receivers { receiver.subscriptionLive(channel) }
        }
        settle(channel)
        ask()
    }

    /// Forgets a channel that nobody wants and Redis has let go of.
    private func settle(_ channel: RedisChannel) {
        guard !channel.isWanted, !channel.isAsked, channel.unanswered == 0, !channel.isListed else { return }
        channels[RedisChannel.Key(bytes: channel.name)] = nil
    }
}
