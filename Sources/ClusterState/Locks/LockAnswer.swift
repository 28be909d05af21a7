/// The answer of a script on a lock.
package enum LockAnswer: Equatable, Sendable {
    /// The lock is the asker's.
    case granted(token: Int, generation: Int)
    /// Another has it, for up to `span` milliseconds from then; `isFirst`: nobody is before the asker.
    case waiting(span: Int, isFirst: Bool)
    /// The store has lost what it knew: nobody is granted anything for `span` milliseconds.
    case quarantine(span: Int, isFirst: Bool)
    /// There are too many waiters.
    case full
    /// The store may evict the lock: its `maxmemory-policy`.
    case evicting(policy: String)
    case renewed
    /// The store's data is of another generation than the lock.
    case changed
    /// The lock is another's, or nobody's.
    case lost

    /// nil for what no script on a lock answers.
    package init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, case .bytes(let word)? = parts.first else { return nil }
        // A lock without an expiry, as Redis has it, is −1.
        if parts.count == 2, word == Array("evicting".utf8), let policy = Stored.text(parts[1]) {
            self = .evicting(policy: policy)
            return
        }
        let numbers = parts.dropFirst().compactMap { Stored.number($0, in: -1...Stored.numberMax) }
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
    /// The store evicts keys when its memory is full, by this `maxmemory-policy`: a lock could vanish while it is held.
    case evicting(policy: String)
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

/// Why somebody waits for a lock, as the store last said. Times are milliseconds of CLOCK_BOOTTIME.
package enum LockWait: Equatable, Sendable {
    /// Another has it: until then, unless it is renewed or given back.
    case taken(until: Int)
    /// The store may have lost locks: nobody is granted any until then.
    case quarantine(until: Int)
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
