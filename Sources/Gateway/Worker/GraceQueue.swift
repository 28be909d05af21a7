import Foundations

/// Who is waited for: a lost connection's place, until PRESENCE_GRACE_SECONDS are over.
enum Grace {
    /// A place in a room.
    case room(room: Identifier, user: Identifier)
    /// A device's place with its user.
    case user(user: Identifier)
}

/// Graces in the order in which they end, which is the order in which they began: all last as long.
struct GraceQueue {
    private var entries: ContiguousArray<(due: Int, grace: Grace)> = []
    private var head = 0

    mutating func add(_ grace: Grace, endsAt due: Int) { entries.append((due, grace)) }

    /// The first grace that is over.
    mutating func popEnded(at now: Int) -> Grace? {
        guard head < entries.count, entries[head].due <= now else { return nil }
        defer {
            head += 1
            // Moving what is left costs as much as was taken since the last time.
            if head >= max(entries.count - head, 64) {
                entries.removeFirst(head)
                head = 0
            }
        }
        return entries[head].grace
    }
}
