/// Why a store gave no reply.
package enum StoreFault: Error, Equatable, Sendable {
    /// Not sent: nothing happened.
    case unavailable
    /// Sent, and no answer came: it may have happened.
    case uncertain
    /// The store answered with an error. `code` is its first word (WRONGTYPE, NOSCRIPT, OOM …), `message` the rest.
    case refused(code: String, message: String)
}

/// What a store answers: the five kinds of RESP 2, and null.
package enum StoreReply: Equatable, Sendable {
    case null
    case integer(Int)
    case bytes([UInt8])
    case status(String)
    case array([StoreReply])
    case error(code: String, message: String)
}

/// The end of one operation. An error inside an array stays in the reply; at top level it is `.refused`.
package typealias StoreResult = Result<StoreReply, StoreFault>

/// What a subscriber is told.
package enum StoreNotice: Equatable, Sendable {
    /// The subscription stands: what is published from now on comes, in order. Said again after an interruption, in
    /// which something may have been missed.
    case live
    /// Nothing comes any more until the subscription is live again.
    case interrupted
    case message([UInt8])
}

/// The state that a cluster shares: Redis, or in single mode this process' own memory.
///
/// Belongs to one loop: every call and every completion is on its thread.
package protocol Store: AnyObject {
    /// Runs `operation`. Completions come in the order of the calls, on the owner's thread; exactly once each. One may
    /// come before this call returns.
    func perform(_ operation: StoreOperation, _ completion: @escaping (StoreResult) -> Void)

    /// Calls `received` with what happens on `channel`; one receiver per channel.
    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void)

    /// Ends what `subscribe` began; without a subscription, nothing.
    func unsubscribe(_ channel: [UInt8])
}
