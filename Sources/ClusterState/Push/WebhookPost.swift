/// A body for a server of the operator's.
package struct WebhookPost: Sendable {
    /// Names it to the server, the same over all tries.
    package let delivery: String
    /// The text of a JSON object.
    package let body: [UInt8]

    package init(delivery: String, body: [UInt8]) {
        self.delivery = delivery
        self.body = body
    }
}

/// The outcome of one try.
package enum WebhookAnswer: Equatable, Sendable {
    /// - Parameter retryAfter: what the server asks for, in milliseconds.
    case status(Int, retryAfter: Int?)
    /// No connection, no answer in time, or none that is HTTP.
    case none
}

/// The tries of one POST: which answers end it, and when it is tried again. A value without a clock.
struct WebhookTries: Sendable {
    static let most = 10
    /// Older than this nobody wants to hear it.
    static let ageMaxMilliseconds = 15 * 60_000
    /// The longest wait after the first try and after any.
    private static let firstWaitMilliseconds = 1_000
    private static let lastWaitMilliseconds = 60_000

    enum Outcome: Equatable {
        case sent
        /// It is tried again after so many milliseconds.
        case again(after: Int)
        /// The server does not want it.
        case refused(status: Int)
        /// There were as many tries, or it is as old, as may be.
        case givenUp
    }

    private let addedAt: Int
    private var count = 0
    private var backoff = Backoff(first: firstWaitMilliseconds, last: lastWaitMilliseconds)

    init(addedAt: Int) { self.addedAt = addedAt }

    func isTooOld(at now: Int) -> Bool { now - addedAt > Self.ageMaxMilliseconds }

    mutating func began() { count += 1 }

    /// A try has ended.
    /// - Parameter random: any number, for the wait.
    mutating func ended(_ answer: WebhookAnswer, at now: Int, random: UInt64) -> Outcome {
        var wait = 0
        switch answer {
        case .status(200..<300, _): return .sent
        case .status(let status, let retryAfter):
            guard Self.isTransient(status) else { return .refused(status: status) }
            wait = retryAfter ?? 0
        case .none: break
        }
        wait = max(wait, backoff.failed(random: random))
        return count >= Self.most || isTooOld(at: now + wait) ? .givenUp : .again(after: wait)
    }

    /// Whether a status says that another try may succeed (RFC 9110 §15.5.9, §15.6; RFC 8470 §5.2; RFC 6585 §4).
    private static func isTransient(_ status: Int) -> Bool {
        [408, 425, 429].contains(status) || (500..<600).contains(status)
    }
}
