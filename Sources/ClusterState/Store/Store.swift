/// A store's answer: the five kinds of RESP 2, and null.
package enum StoreReply: Equatable, Sendable {
    case null
    case integer(Int)
    case bytes([UInt8])
    case status(String)
    case array([StoreReply])
    case error(code: String, message: String)
}

/// The end of one operation. An error inside an array stays in the reply; at top level it is a fault.
package typealias StoreResult = Result<StoreReply, StoreFault>

/// An event of a subscription.
package enum StoreNotice: Equatable, Sendable {
    /// The subscription stands: what is published from now on comes, in order. Said again after an interruption, in
    /// which something may have been missed.
    case live
    /// The subscription that was live is none now: what is published meanwhile is missed. `live` follows by itself.
    case interrupted
    case message([UInt8])
}

/// The state that a cluster shares: Redis, or in single mode this process' own memory.
///
/// Belongs to one loop: every call and every completion is on its thread.
package protocol Store: AnyObject {
    /// Runs `operation`. Completions of a lane come in the order of its calls, on the owner's thread; exactly once
    /// each. One may come before this call returns.
    ///
    /// While the store can be reached a bound delays and never refuses: what does not fit into its lane waits here. So
    /// each caller bounds how much it has under way: a log or a user a handful of operations at a time.
    func perform(_ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void)

    /// Calls `received` with what happens on `channel`; one receiver per channel.
    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void)

    /// Ends what `subscribe` began; without a subscription, nothing.
    func unsubscribe(_ channel: [UInt8])
}

extension Store {
    /// Runs `operation` in the background lane.
    package func perform(_ operation: StoreOperation, _ completion: @escaping (StoreResult) -> Void) {
        perform(operation, in: .background, completion)
    }
}

/// Operations of one lane wait for each other, and never for all of another lane. Between lanes there is no order.
package enum StoreLane: Int, CaseIterable, Sendable {
    /// Commits of messages, and signs of life: sent at once, as far as the link takes it.
    case commits
    /// Questions with which a log that is being opened goes on, or for which somebody waits: some hundred at a time,
    /// before the background, so that logs are opened one after the other instead of all at once in the end.
    case reads
    /// All else: some hundred operations at a time, so that a commit never has more than these before it.
    case background
}
