import Core
import Rooms

/// Members that have seen former epochs of a room's history, and how far: something of these may still be committed
/// again. A value of its room's sequencer.
///
/// Bound: the room's members, with `Lineage.countMax` positions each.
struct ResumedMembers {
    /// How far a member has seen a former epoch.
    struct Seen {
        let passed: PassedPlaces
        /// This node led it there, and not to that place in a second history of the epoch.
        var isLed = false
    }

    private var members: [ObjectIdentifier: (info: ConnectionInfo, seen: [Seen])] = [:]

    /// A member goes on from a position of a former epoch.
    mutating func append(_ info: ConnectionInfo, from position: Position, isLed: Bool = false) {
        let seen = (members[ObjectIdentifier(info)]?.seen ?? []) + [Seen(passed: PassedPlaces(position), isLed: isLed)]
        members[ObjectIdentifier(info)] = (info, seen.suffix(Lineage.countMax).map { $0 })
    }

    mutating func remove(_ info: ConnectionInfo) { members[ObjectIdentifier(info)] = nil }

    /// Members that have seen the entry with this present seq in a former epoch, each once.
    func thatSaw(_ seq: UInt64, _ former: FormerPlaces) -> [ConnectionInfo] {
        all { former.wasSeen(seq, by: $0.passed, isLed: $0.isLed) }
    }

    /// Members that have seen one of these places in a former epoch, each once.
    func all(where hasSeen: (Seen) -> Bool) -> [ConnectionInfo] {
        members.values.filter { $0.seen.contains(where: hasSeen) }.map(\.info)
    }
}
