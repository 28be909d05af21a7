import Foundations

/// Things in the order of a time that never falls from one to the next: what fell idle, the longest idle first, or
/// what ends after a wait that is the same for all.
///
/// An entry is a hint: the caller checks that it still holds.
struct TimedQueue<Element> {
    private var entries: ContiguousArray<(element: Element, time: Int)> = []
    private var head = 0

    var count: Int { entries.count - head }

    mutating func append(_ element: Element, at time: Int) { entries.append((element, time)) }

    /// The entry that is oldest.
    var first: (element: Element, time: Int)? { head < entries.count ? entries[head] : nil }

    mutating func removeFirst() {
        head += 1
        // Moving what is left costs as much as was taken since the last time.
        if head >= max(count, 64) {
            entries.removeFirst(head)
            head = 0
        }
    }
}
