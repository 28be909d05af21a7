import Core

/// Which absent users are sent messages right now, and for whom a push is due: one for each burst of messages, a while
/// after its first one, so that it counts what comes together and that a device may come or ack before.
///
/// Pure: times are milliseconds of one monotonic clock, which never falls from one call to the next. Thread: the
/// worker's whose users these are.
package struct PushBursts: Sendable {
    /// A burst is over when no message came for so long. As long as a person takes to be interested again.
    package static let quietMilliseconds = 60_000
    /// From a burst's first message to its push. Longer than a client takes to reconnect, and nobody minds it.
    package static let delayMilliseconds = 2_000
    /// Users that are remembered; of more, the one whose burst began longest ago is forgotten, and its next message
    /// begins another.
    package static let usersMax = 100_000

    private struct Burst {
        var lastMessageAt: Int
        /// When its push is due; nil once that was decided.
        var dueAt: Int?
        /// The time in its entry of `listed`; entries with another time belong to former bursts.
        var listedAt: Int
    }

    private var bursts: [Identifier: Burst] = [:]
    /// Pushes in the order in which they are due. An entry is a hint: the burst may be over.
    private var due = FIFO<(user: Identifier, at: Int)>()
    /// Users in the order in which they must be looked at, one entry for each burst.
    private var listed = FIFO<(user: Identifier, at: Int)>()

    package init() {}

    /// Users that are remembered.
    package var count: Int { bursts.count }

    /// A message was kept for a user who is away.
    /// - Parameter isFirst: whether it begins a burst, where somebody else knows; nil: as far as is known here.
    package mutating func messageKept(for user: Identifier, isFirst: Bool? = nil, at now: Int) {
        let known = bursts[user]
        let isNew = known.map { now - $0.lastMessageAt >= Self.quietMilliseconds } ?? true
        var burst = Burst(
            lastMessageAt: now, dueAt: known?.dueAt, listedAt: known?.listedAt ?? now + Self.quietMilliseconds)
        if isFirst ?? isNew, burst.dueAt == nil {
            burst.dueAt = now + Self.delayMilliseconds
            due.append((user, now + Self.delayMilliseconds))
        }
        bursts[user] = burst
        guard known == nil else { return }
        listed.append((user, burst.listedAt))
        while bursts.count > Self.usersMax { forgetFirstListed() }
    }

    /// The user has come, or needed no push: the next message that is kept begins a burst.
    package mutating func ended(for user: Identifier) { bursts[user] = nil }

    /// Users whose push is due: to be sent, unless it is not wanted any more.
    package mutating func takeDue(at now: Int) -> [Identifier] {
        defer { forgetQuiet(at: now) }
        return take { $0 <= now }
    }

    /// Users whose push is due now or later: there is no time to wait.
    package mutating func takeAll() -> [Identifier] { take { _ in true } }

    private mutating func take(_ isWanted: (Int) -> Bool) -> [Identifier] {
        var taken: [Identifier] = []
        while let (user, at) = due.first, isWanted(at) {
            due.removeFirst()
            guard bursts[user]?.dueAt == at else { continue }
            bursts[user]?.dueAt = nil
            taken.append(user)
        }
        return taken
    }

    /// Forgets bursts that are over. One that still went on when it was looked at is looked at again in its turn.
    private mutating func forgetQuiet(at now: Int) {
        while let (user, at) = listed.first, at <= now {
            listed.removeFirst()
            guard let burst = bursts[user], burst.listedAt == at else { continue }
            if now - burst.lastMessageAt >= Self.quietMilliseconds {
                bursts[user] = nil
            } else {
                let next = burst.lastMessageAt + Self.quietMilliseconds
                bursts[user]?.listedAt = next
                listed.append((user, next))
            }
        }
    }

    private mutating func forgetFirstListed() {
        let (user, at) = listed.removeFirst()
        if bursts[user]?.listedAt == at { bursts[user] = nil }
    }
}
