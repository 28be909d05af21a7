import Rooms

/// One worker's part in the node's stored messages: it says how much that is, and lets go of the oldest messages of its
/// biggest holders when the node holds too much and nobody else has a bigger one.
///
/// Thread: the worker's. It reads the others' counters, which may lag by `quantum`.
final class StoredShare {
    /// Growth after which the node's sum is looked at again.
    private static let quantum = 64 * 1024

    /// The error for who would store one more.
    static let fullText = "the node's memory for messages is full"

    let messages: StoredMessages
    private let context: NodeContext
    private let index: Int
    /// Bytes at the last look.
    @exclusivity(unchecked) private var settledBytes = 0
    /// Bytes that the node holds over its budget though all gave that may.
    @exclusivity(unchecked) private(set) var excess = 0
    /// The class of the biggest holder of the node that may give.
    @exclusivity(unchecked) private(set) var biggest = -1
    /// Nothing more is taken.
    @exclusivity(unchecked) private(set) var isFull = false
    /// No more directs are taken.
    @exclusivity(unchecked) private(set) var isInboxFull = false

    init(context: NodeContext, index: Int) {
        self.context = context
        self.index = index
        messages = StoredMessages(idsMax: context.budgets.stored.idsMax / context.workerCount)
    }

    /// Whether so much was stored since the last look that `settle` is due.
    @inline(__always)
    var isDue: Bool { messages.bytes - settledBytes >= Self.quantum }

    /// Looks at the node's sum, and makes place.
    /// - Returns: the worker whose biggest holder gives next, if it is another one.
    func settle() -> Int? {
        publish()
        let budget = context.budgets.stored.bytesMax
        let inboxExcess = sum { $0.inboxBytes.value } - context.budgets.stored.inboxBytesMax
        if inboxExcess > 0 { messages.inboxes.give(inboxExcess) }
        var other: Int?
        let total = sum(\.bytes)
        if total > budget {
            other = biggestElsewhere()
            give(total - budget, downTo: other.map { context.counters[$0].stored.biggest.value } ?? -1)
        }
        publish()
        let left = sum(\.bytes)
        (excess, biggest) = (max(0, left - budget), context.counters.map { $0.stored.biggest.value }.max() ?? -1)
        isFull = left >= context.budgets.stored.allowed
        isInboxFull = isFull || sum { $0.inboxBytes.value } >= context.budgets.stored.inboxBytesMost
        let isOthersTurn = excess > 0 && biggest > context.counters[index].stored.biggest.value
        return isOthersTurn ? other : nil
    }

    private func sum(_ counter: (StoredCounters) -> Int) -> Int {
        context.counters.reduce(0) { $0 + counter($1.stored) }
    }

    private func publish() {
        settledBytes = messages.bytes
        let counters = context.counters[index].stored
        counters.roomBytes.set(messages.rooms.meter.bytes)
        counters.inboxBytes.set(messages.inboxes.meter.bytes)
        counters.biggest.set(max(messages.rooms.biggest, messages.inboxes.biggest))
    }

    /// The other worker with the biggest holder; nil when there is none that may give.
    private func biggestElsewhere() -> Int? {
        let others = context.counters.indices.filter { $0 != index && context.counters[$0].stored.biggest.value >= 0 }
        return others.max { context.counters[$0].stored.biggest.value < context.counters[$1].stored.biggest.value }
    }

    private func give(_ bytes: Int, downTo least: Int) {
        var left = bytes
        while left > 0 {
            let (rooms, inboxes) = (messages.rooms, messages.inboxes)
            let (first, second) = rooms.biggest >= inboxes.biggest ? (rooms, inboxes) : (inboxes, rooms)
            guard first.biggest >= max(least, 0) else { return }
            // One after the other: it may not be the biggest any more.
            left -= first.give(1, downTo: max(least, second.biggest, 0))
        }
    }
}
