import Core

/// Things in the order of a time that never falls from one to the next: what fell idle, the longest idle first, or
/// what ends after a wait that is the same for all.
///
/// An entry is a hint: the caller checks that it still holds.
struct TimedQueue<Element> {
    private var entries = FIFO<(element: Element, time: Int)>()

    var count: Int { entries.count }

    mutating func append(_ element: Element, at time: Int) { entries.append((element, time)) }

    /// The entry that is oldest.
    var first: (element: Element, time: Int)? { entries.first }

    mutating func removeFirst() { entries.removeFirst() }
}
