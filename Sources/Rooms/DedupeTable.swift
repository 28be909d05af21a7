import Core

/// A commit that a message id stands for.
package struct Committed: Sendable {
    package let position: Position
    /// Unix milliseconds.
    package let time: Int

    package init(position: Position, time: Int) {
        self.position = position
        self.time = time
    }
}

/// The message ids of one room or inbox that are known: an id commits once within its window, whatever its content.
///
/// Bounds: `countMax` ids; the oldest are forgotten first. Thread: the home worker's.
package final class DedupeTable {
    /// Ids that are remembered at most: a sender at 1,000 ids per second for the default window of 300 s fits thrice.
    package static let countMax = 1_000_000

    /// A user and an id as 128 bits under the process' random hash seeds: two different pairs meet with a probability
    /// of 2^-128 times the square of their number.
    private struct Key: Hashable {
        let high: Int
        let low: Int

        init(_ user: Identifier, _ id: UnsafeRawBufferPointer) {
            var first = Hasher()
            var second = Hasher()
            first.combine(1)
            second.combine(2)
            user.withBytes {
                first.combine(bytes: $0)
                second.combine(bytes: $0)
            }
            // Neither users nor ids contain a zero byte, so the two can't run into each other.
            first.combine(UInt8(0))
            second.combine(UInt8(0))
            first.combine(bytes: id)
            second.combine(bytes: id)
            high = first.finalize()
            low = second.finalize()
        }
    }

    @exclusivity(unchecked) private var known: [Key: Committed] = [:]
    /// The keys of `known`, in the order of their commits, and when these were (loop milliseconds).
    @exclusivity(unchecked) private var order = FIFO<(key: Key, at: Int)>()

    package init() {}

    package var count: Int { known.count }

    /// The commit that `id` of `user` stands for, if it is known.
    package func find(_ user: Identifier, _ id: UnsafeRawBufferPointer) -> Committed? {
        known.isEmpty ? nil : known[Key(user, id)]
    }

    /// Remembers a commit of now (loop milliseconds, which never fall).
    package func insert(_ user: Identifier, _ id: UnsafeRawBufferPointer, _ committed: Committed, at now: Int) {
        let key = Key(user, id)
        if known.updateValue(committed, forKey: key) == nil { order.append((key, now)) }
        if order.count > Self.countMax { forgetOldest() }
    }

    /// Forgets ids that were committed before `time` (loop milliseconds).
    package func expire(before time: Int) {
        while let oldest = order.first, oldest.at < time { forgetOldest() }
    }

    private func forgetOldest() { known[order.removeFirst().key] = nil }
}
