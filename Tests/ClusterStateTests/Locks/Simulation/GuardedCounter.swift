/// The resource that a lock protects: a number that is read, and written by who has read it. Refuses tokens below the
/// highest seen.
final class GuardedCounter {
    private(set) var value = 0
    private(set) var writes = 0
    private(set) var refusals = 0
    private var highestToken = 0

    /// The number; nil for a token that is over.
    func read(token: Int) -> Int? {
        isCurrent(token) ? value : nil
    }

    func write(_ next: Int, token: Int) {
        guard isCurrent(token) else { return }
        value = next
        writes += 1
    }

    private func isCurrent(_ token: Int) -> Bool {
        guard token >= highestToken else {
            refusals += 1
            return false
        }
        highestToken = token
        return true
    }
}
