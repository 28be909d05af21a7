/// Where the messages of a history stand, by user and id: a repetition is found at the same cost however long the
/// history is.
///
/// It keeps hashes; who finds a seq compares with the entry's bytes. Of an id that came twice the newer entry counts.
/// About 50 bytes per entry. Bound: the history's.
package struct HistoryIndex {
    private var seqs: [Int: UInt64] = [:]
    /// Oldest first from `head`.
    private var order: ContiguousArray<(key: Int, seq: UInt64)> = []
    private var head = 0

    package init() {}

    package var count: Int { order.count - head }

    /// An entry was appended to the history, whose oldest entry is `oldestSeq` now.
    package mutating func appended(_ body: UnsafeRawBufferPointer, seq: UInt64, oldestSeq: UInt64) {
        let key = MessageKey.hash(of: body)
        seqs[key] = seq
        order.append((key, seq))
        trim(before: oldestSeq)
    }

    /// The seq of the newest message that may be of the same user and id.
    package func seq(like body: UnsafeRawBufferPointer) -> UInt64? { seqs[MessageKey.hash(of: body)] }

    private mutating func trim(before oldestSeq: UInt64) {
        while head < order.count, order[head].seq < oldestSeq {
            let (key, seq) = order[head]
            if seqs[key] == seq { seqs[key] = nil }
            head += 1
        }
        // Removing costs the entries that stay; doing it when as many were trimmed makes that constant per entry.
        guard head > 0, head >= max(count, 16) else { return }
        order.removeFirst(head)
        head = 0
    }
}
