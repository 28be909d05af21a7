import Foundations

/// The connections of one user in one place (a room, or the node): those that live, and those that were lost and may
/// come back within the grace, during which others still see them.
package struct Attendance {
    package struct Entry {
        package let info: ConnectionInfo
        /// When a lost connection is given up (loop milliseconds). Not an optional, to stay at 16 bytes.
        fileprivate var graceEnd = Int.max
        package var isLiving: Bool { graceEnd == .max }
    }

    // Most users have one connection; the second one is what costs an allocation.
    private var first: Entry?
    private var others: [Entry] = []

    package init() {}

    package var entries: [Entry] { (first.map { [$0] } ?? []) + others }
    package var isEmpty: Bool { first == nil }
    package var hasLiving: Bool { entries.contains { $0.isLiving } }
    package var livingCount: Int { entries.count { $0.isLiving } }
    package var living: [ConnectionInfo] { entries.compactMap { $0.isLiving ? $0.info : nil } }

    /// A connection came; a lost one of the same device is replaced by it. True when no other entry of that device,
    /// lost or living, was there.
    @discardableResult
    package mutating func joined(_ info: ConnectionInfo) -> Bool {
        if first == nil {
            first = Entry(info: info)
            return true
        }
        let wasKnown = entries.contains { $0.info.device == info.device }
        keep { $0.isLiving || $0.info.device != info.device }
        insert(Entry(info: info))
        return !wasKnown
    }

    /// A connection was lost: it counts until `graceEnd`.
    package mutating func lost(_ info: ConnectionInfo, graceEnd: Int) {
        guard entries.contains(where: { $0.info === info }) else { return }
        keep { $0.info !== info }
        insert(Entry(info: info, graceEnd: graceEnd))
    }

    /// A connection left for good.
    package mutating func left(_ info: ConnectionInfo) { keep { $0.info !== info } }

    /// Gives up lost connections whose grace is over; returns them.
    package mutating func expire(at now: Int) -> [ConnectionInfo] {
        let expired = entries.filter { $0.graceEnd <= now }.map(\.info)
        if !expired.isEmpty { keep { $0.graceEnd > now } }
        return expired
    }

    private mutating func insert(_ entry: Entry) {
        if first == nil { first = entry } else { others.append(entry) }
    }

    private mutating func keep(_ isKept: (Entry) -> Bool) {
        let kept = entries.filter(isKept)
        first = kept.first
        others = Array(kept.dropFirst())
    }
}
