import ClusterState
import Core
import NetworkIO

/// The store of a cluster: Redis, through a client.
///
/// Scripts are called by their digest, and by their text once Redis says that it does not know it. Such a call runs
/// after what was sent meanwhile; completions of a lane still come in the order of its calls.
/// Thread: the client's loop's. The client is its owner's to start, tick and stop.
package final class RedisStore: Store, RedisReceiver {
    /// Called for each operation that Redis refused as if it were away; the operation's completion follows.
    package var refused: (_ refusal: StoreRefusal, _ lane: StoreLane) -> Void = { _, _ in }

    private let client: RedisClient
    private var commits: RedisLane
    private var reads: RedisLane
    private var background: RedisLane
    /// By the script's name.
    private var digests: [String: [UInt8]] = [:]
    private var listeners: [[UInt8]: Listener] = [:]

    package init(_ client: RedisClient) {
        self.client = client
        let limits = client.limits
        // A sixteenth of the places is for signs of life and what is not the store's.
        let others = max(1, limits.outstandingMax / 16)
        let backgroundMax = max(1, min(limits.backgroundMax, limits.outstandingMax / 4) / 2)
        precondition(2 * backgroundMax + others < limits.outstandingMax, "lanes need four places at least")
        reads = RedisLane(operationsMax: backgroundMax, bytesMax: limits.backgroundBytesMax)
        background = RedisLane(operationsMax: backgroundMax, bytesMax: limits.backgroundBytesMax)
        commits = RedisLane(operationsMax: limits.outstandingMax - 2 * backgroundMax - others, bytesMax: .max)
    }

    /// Has Redis learn a script, so that calls of it run in the order in which they are sent; to be called when a
    /// connection stands.
    package func load(_ script: StoreScript) {
        let words = ["SCRIPT", "LOAD"].map { Array($0.utf8) } + [script.lua]
        client.send(words, .closure { [weak self] _ in self?.sendWaiting() })
    }

    // MARK: Operations

    package func perform(
        _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
    ) {
        self[lane].append(operation, completion)
        send(lane)
    }

    /// Operations that wait for their turn to be sent.
    package func waiting(in lane: StoreLane) -> Int { self[lane].waiting }

    private subscript(lane: StoreLane) -> RedisLane {
        _read {
            switch lane {
            case .commits: yield commits
            case .reads: yield reads
            case .background: yield background
            }
        }
        _modify {
            switch lane {
            case .commits: yield &commits
            case .reads: yield &reads
            case .background: yield &background
            }
        }
    }

    private func sendWaiting() {
        for lane in StoreLane.allCases where self[lane].waiting > 0 { send(lane) }
    }

    /// Sends what waits in a lane, as far as there is room; without a connection, fails it.
    private func send(_ lane: StoreLane) {
        guard client.isReady else {
            self[lane].failWaiting()
            return deliver(lane)
        }
        while client.hasRoom, let (number, operation) = self[lane].takeNext() {
            var words = operation.words
            if case .script(let script, _, _) = operation, self[lane].isByDigest(number) {
                words[0] = Array("EVALSHA".utf8)
                words[1] = digest(script)
            }
            self[lane].sent(number, bytes: words.reduce(0) { $0 + $1.count })
            client.send(words, .receiver(self, tag: number << 2 | lane.rawValue))
        }
    }

    package func commandEnded(_ outcome: RedisOutcome, tag: Int) {
        guard let lane = StoreLane(rawValue: tag & 3) else { return }
        let number = tag >> 2
        if case .reply(let reply) = outcome, reply.error?.code == "NOSCRIPT", self[lane].repeatsByText(number) {
            return sendWaiting()
        }
        let result = Self.result(outcome)
        if case .failure(.away(let refusal)) = result { refused(refusal, lane) }
        self[lane].ended(number, result)
        sendWaiting()
        deliver(lane)
    }

    private static func result(_ outcome: RedisOutcome) -> StoreResult {
        switch outcome {
        case .fault(let fault): return .failure(fault)
        case .reply(let reply):
            if let error = reply.error { return .failure(StoreFault(code: error.code, message: error.message)) }
            return .success(reply.stored)
        }
    }

    /// Completes the oldest calls of a lane, as far as they have ended.
    private func deliver(_ lane: StoreLane) {
        guard self[lane].beginDelivery() else { return }
        while let (completion, result) = self[lane].takeEnded() { completion(result) }
        self[lane].endDelivery()
    }

    private func digest(_ script: StoreScript) -> [UInt8] {
        if let known = digests[script.name] { return known }
        let digest = Digest.sha1Digits(script.lua)
        digests[script.name] = digest
        return digest
    }

    // MARK: Subscriptions

    package func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        subscribe(channel, isLast: false, received)
    }

    /// As `subscribe`.
    /// - Parameter isLast: whether the channel comes behind all others on a new connection.
    package func subscribe(_ channel: [UInt8], isLast: Bool, _ received: @escaping (StoreNotice) -> Void) {
        let former = listeners[channel]
        let listener = Listener(received)
        listeners[channel] = listener
        channel.withUnsafeBytes { name in
            client.subscriptions.subscribe(name, listener, isLast: isLast)
            // Behind the new one, so that Redis is not asked to let go.
            if let former { client.subscriptions.unsubscribe(name, former) }
        }
    }

    package func unsubscribe(_ channel: [UInt8]) {
        guard let listener = listeners.removeValue(forKey: channel) else { return }
        channel.withUnsafeBytes { client.subscriptions.unsubscribe($0, listener) }
    }

    private final class Listener: RedisChannelReceiver {
        private let received: (StoreNotice) -> Void
        init(_ received: @escaping (StoreNotice) -> Void) { self.received = received }
        func published(_ payload: UnsafeRawBufferPointer, on channel: RedisChannel) {
            received(.message(Array(payload)))
        }
        func subscriptionLive(_ channel: RedisChannel) { received(.live) }
        func subscriptionInterrupted(_ channel: RedisChannel) { received(.interrupted) }
    }
}
