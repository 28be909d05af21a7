/// Collects what rooms have for the store, so that one request carries what was said within some time.
///
/// Times are nanoseconds of one monotonic clock.
package struct CommitWindow: Sendable {
    package enum Answer: Equatable, Sendable {
        /// What was collected is to be sent now; the next thing that is collected opens the window again.
        case over
        /// More is to be collected. `end`: until when, if that was not said before.
        case open(end: Int?)
    }

    private var openedAt: Int?
    private var saidEnd: Int?

    package init() {}

    /// Something is there to be sent.
    /// - Parameter length: how long it is to be collected. A change holds for the window that is open, too.
    package mutating func asked(at now: Int, length: Int) -> Answer {
        let opened = openedAt ?? now
        let end = opened + length
        guard now < end else {
            close()
            return .over
        }
        openedAt = opened
        defer { saidEnd = end }
        return .open(end: saidEnd == end ? nil : end)
    }

    /// Nothing is collected any more.
    package mutating func close() {
        openedAt = nil
        saidEnd = nil
    }
}
