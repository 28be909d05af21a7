/// Names in the order in which they fell idle, to find the one that is idle longest: for expiry, and to make room.
///
/// An entry is a hint: the caller checks that the thing is still idle since that time.
struct IdleQueue<Key> {
    private var entries: ContiguousArray<(key: Key, since: Int)> = []
    private var head = 0

    var count: Int { entries.count - head }

    mutating func append(_ key: Key, since time: Int) { entries.append((key, time)) }

    /// The entry that is oldest.
    var first: (key: Key, since: Int)? { head < entries.count ? entries[head] : nil }

    mutating func removeFirst() {
        head += 1
        if head >= max(count, 64) {
            entries.removeFirst(head)
            head = 0
        }
    }
}
