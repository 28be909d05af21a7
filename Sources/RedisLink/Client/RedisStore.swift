import ControlPlane
import Foundations
import NetworkIO

/// The store of a cluster: Redis, through a client.
///
/// Scripts are called by their digest, and by their text once Redis says that it does not know it. Such a call runs
/// after what was sent meanwhile; completions still come in the order of the calls.
/// Thread: the client's loop's. The client is its owner's to start, tick and stop.
package final class RedisStore: Store, RedisReceiver {
    /// An operation whose completion was not told yet.
    private struct Call {
        let completion: (StoreResult) -> Void
        /// The command to send when the script is not known.
        var evaluation: StoreOperation?
        var result: StoreResult?
    }

    private let client: RedisClient
    /// Oldest first. As many as the client's bound allows, and those that were refused behind them.
    private var calls = FIFO<Call>()
    /// The number of the oldest call.
    private var firstNumber = 0
    private var isDelivering = false
    /// By the script's name.
    private var digests: [String: [UInt8]] = [:]
    private var listeners: [[UInt8]: Listener] = [:]

    package init(_ client: RedisClient) { self.client = client }

    /// Has Redis learn a script, so that calls of it run in the order in which they are sent; to be called when a
    /// connection stands.
    package func load(_ script: StoreScript) {
        let words = ["SCRIPT", "LOAD"].map { Array($0.utf8) } + [script.lua]
        client.send(words, .closure { _ in })
    }

    // MARK: Operations

    package func perform(_ operation: StoreOperation, _ completion: @escaping (StoreResult) -> Void) {
        let tag = firstNumber + calls.count
        var words = operation.words
        var evaluation: StoreOperation?
        if case .script(let script, _, _) = operation {
            evaluation = operation
            words[0] = Array("EVALSHA".utf8)
            words[1] = digest(script)
        }
        calls.append(Call(completion: completion, evaluation: evaluation, result: nil))
        client.send(words, .receiver(self, tag: tag))
    }

    package func commandEnded(_ outcome: RedisOutcome, tag: Int) {
        let index = tag - firstNumber
        if case .reply(let reply) = outcome, reply.error?.code == "NOSCRIPT",
            let evaluation = calls[index].evaluation
        {
            calls[index].evaluation = nil
            return client.send(evaluation.words, .receiver(self, tag: tag))
        }
        calls[index].result = Self.result(outcome)
        deliver()
    }

    private static func result(_ outcome: RedisOutcome) -> StoreResult {
        switch outcome {
        case .fault(let fault): return .failure(fault)
        case .reply(let reply):
            if let error = reply.error { return .failure(.refused(code: error.code, message: error.message)) }
            return .success(reply.stored)
        }
    }

    /// Tells the oldest calls, as far as they have ended.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        while let call = calls.first, let result = call.result {
            calls.removeFirst()
            firstNumber += 1
            call.completion(result)
        }
    }

    private func digest(_ script: StoreScript) -> [UInt8] {
        if let known = digests[script.name] { return known }
        let digest = Digest.sha1Digits(script.lua)
        digests[script.name] = digest
        return digest
    }

    // MARK: Subscriptions

    package func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        let former = listeners[channel]
        let listener = Listener(received)
        listeners[channel] = listener
        channel.withUnsafeBytes { name in
            client.subscriptions.subscribe(name, listener)
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
