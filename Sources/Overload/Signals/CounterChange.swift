/// How far counters went since the last sample.
///
/// A counter that went back was reset, or is another one: that sample gives nothing, and the next one goes by the new
/// value.
struct CounterChange: Sendable {
    private var former: (values: [Int], at: Int)?

    /// - Parameters:
    ///   - values: of the same counters in the same order each time; nil: they could not be read.
    ///   - now: milliseconds of a monotonic clock.
    /// - Returns: each counter's change, and the milliseconds that it took; nil when there is nothing to compare with.
    mutating func sampled(_ values: [Int]?, at now: Int) -> (changes: [Int], milliseconds: Int)? {
        defer { former = values.map { ($0, now) } }
        guard let values, let former, former.values.count == values.count, now > former.at else { return nil }
        var changes: [Int] = []
        for (value, before) in zip(values, former.values) {
            guard value >= before else { return nil }
            changes.append(value - before)
        }
        return (changes, now - former.at)
    }
}
