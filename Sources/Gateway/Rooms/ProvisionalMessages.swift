import Foundations
import Rooms

/// The messages of a room that were delivered without a place and have none yet, and who has not seen them. A value of
/// its room's sequencer.
struct ProvisionalMessages {
    /// How many there are.
    private(set) var count = 0
    /// Members that came while messages waited, and the number of the first that they saw.
    private var lateMembers: [(info: ConnectionInfo, firstSeen: UInt64)] = []
    /// Members that sent a message again that waits: that counts as having seen it.
    private var repeaters: [(info: ConnectionInfo, number: UInt64)] = []

    /// A message was delivered without a place.
    mutating func delivered() { count += 1 }

    /// A message has its place, or gets none.
    mutating func ended() {
        count -= 1
        assert(count >= 0, "more messages have ended than were delivered")
    }

    /// A connection has caught up: it has not seen the messages that wait.
    /// - Parameter next: the number of the next message.
    mutating func wentLive(_ info: ConnectionInfo, next: UInt64) {
        if count > 0 { lateMembers.append((info, next)) }
    }

    /// A connection sent a message again that waits under this number.
    mutating func repeated(_ info: ConnectionInfo, _ number: UInt64) { repeaters.append((info, number)) }

    /// A connection is no longer in.
    mutating func departed(_ info: ConnectionInfo) {
        if !lateMembers.isEmpty { lateMembers.removeAll { $0.info === info } }
        if !repeaters.isEmpty { repeaters.removeAll { $0.info === info } }
    }

    /// Once nothing waits everybody has seen the same.
    mutating func forgetMembersIfDone() {
        guard count == 0 else { return }
        lateMembers = []
        repeaters = []
    }

    /// Whether a member was there when a message was delivered.
    func wasSeen(_ message: Submission, by info: ConnectionInfo) -> Bool {
        guard let number = message.number else { return false }
        if repeaters.contains(where: { $0.info === info && $0.number == number }) { return true }
        return !lateMembers.contains { $0.info === info && number < $0.firstSeen }
    }

    /// Members that came too late for a message.
    func membersWithout(_ message: Submission) -> [ConnectionInfo] {
        lateMembers.map(\.info).filter { !wasSeen(message, by: $0) }
    }
}
