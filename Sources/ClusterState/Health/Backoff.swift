/// How long to wait before the next try of what failed: a random part of a span that doubles with each failure ("full
/// jitter": Brooker, "Exponential Backoff And Jitter", 2015). Nodes that lost one server together don't come back
/// together.
package struct Backoff: Equatable, Sendable {
    /// The longest wait after the first failure. Short enough that a restart of the server passes unnoticed.
    package static let firstMilliseconds = 250
    /// The longest wait of all. A server that is back is found within it.
    package static let lastMilliseconds = 5_000

    private let first: Int
    private let last: Int
    /// The longest wait after the next failure.
    private var ceiling: Int

    /// - Parameters:
    ///   - first: the longest wait after the first failure, in milliseconds from 1; by default as for the store.
    ///   - last: the longest wait of all, in milliseconds, not below `first`.
    package init(first: Int = Self.firstMilliseconds, last: Int = Self.lastMilliseconds) {
        precondition(0 < first && first <= last, "waits grow from something")
        self.first = first
        self.last = last
        ceiling = first
    }

    /// A try has failed.
    /// - Parameter random: any number; all are equally likely.
    /// - Returns: milliseconds until the next try, from 0.
    package mutating func failed(random: UInt64) -> Int {
        defer { ceiling = min(ceiling * 2, last) }
        return Int(random % UInt64(ceiling + 1))
    }

    /// A try has succeeded: the next failure is a first one.
    package mutating func succeeded() {
        ceiling = first
    }
}
