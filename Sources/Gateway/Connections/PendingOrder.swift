import Core

/// Counts the connections of a worker that carry out an operator's order. Says how many did when it is let go: every
/// connection that was asked keeps it until it has done so, or has not.
///
/// Thread: the worker's.
final class OrderTally {
    fileprivate var count = 0
    private let completion: (Int) -> Void

    init(_ completion: @escaping (Int) -> Void) { self.completion = completion }

    deinit { completion(count) }
}

/// An operator's order to one connection. It counts once it is done; let go before, it does not.
///
/// Thread: the connection's.
final class PendingOrder {
    let order: RoomOrder
    /// The room's home was asked.
    var isBegun = false
    private let tally: OrderTally

    init(_ order: RoomOrder, _ tally: OrderTally) {
        self.order = order
        self.tally = tally
    }

    func succeeded() { tally.count += 1 }
}
