/// What a script on a lock answered.
package enum LockAnswer: Equatable, Sendable {
    /// The lock is the asker's.
    case granted(token: Int, generation: Int)
    /// Another has it, for up to `span` milliseconds from then; `isFirst`: nobody is before the asker.
    case waiting(span: Int, isFirst: Bool)
    /// The store has lost what it knew: nobody is granted anything for `span` milliseconds.
    case quarantine(span: Int, isFirst: Bool)
    /// There are too many waiters.
    case full
    case renewed
    /// The store's data is of another generation than the lock.
    case changed
    /// The lock is another's, or nobody's.
    case lost

    /// nil for what no script on a lock answers.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, case .bytes(let word)? = parts.first else { return nil }
        let numbers = parts.dropFirst().compactMap { if case .integer(let number) = $0 { number } else { nil } }
        switch (String(decoding: word, as: UTF8.self), numbers.count) {
        case ("granted", 2): self = .granted(token: numbers[0], generation: numbers[1])
        case ("waiting", 2): self = .waiting(span: numbers[0], isFirst: numbers[1] == 1)
        case ("quarantine", 2): self = .quarantine(span: numbers[0], isFirst: numbers[1] == 1)
        case ("full", 0): self = .full
        case ("renewed", 0): self = .renewed
        case ("changed", 0): self = .changed
        case ("lost", 0): self = .lost
        default: return nil
        }
    }
}

/// Why a lock was not acquired.
package enum LockError: Error, Equatable, Sendable {
    /// The store can't be reached: nobody can say who has the lock.
    case storeAway
    /// The store answered with an error.
    case refused(code: String, message: String)
    /// Another has it, and the asker did not want to wait.
    case taken
    /// As `taken`, because the store lost what it knew: ask again after `milliseconds`.
    case quarantined(milliseconds: Int)
    /// Another had it for as long as the asker wanted to wait.
    case timedOut
    /// `LockLimits.waitersMax` or `LockLimits.locksMax`.
    case full
    /// The keeper was closed.
    case closed
}

/// Why a lock that was held is not any more.
package enum LockLoss: String, Equatable, Sendable {
    /// No renewal succeeded in time.
    case expired
    /// The store says that the lock is not the holder's.
    case notOwner
    /// The store lost what it knew, and did not take the lock over.
    case generationChanged
}
