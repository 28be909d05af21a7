import Core
import Rooms

/// The messages of a room that were delivered without a place and have none yet, and who has not seen them on its
/// present connection: a client that resumes has seen some on a former one. It does not get these again as they are,
/// and gets the message itself where others get the confirmation. A value of its room's sequencer.
struct ProvisionalMessages {
    private struct Device: Hashable {
        let user: Identifier
        let device: Identifier
    }

    /// How many there are.
    private(set) var count = 0
    /// The number of the first message that a device has not seen, for those that went while messages waited.
    private var unseenFrom: [Device: UInt64] = [:]
    /// A member that resumed, and what it was shown on this connection.
    private struct Resumed {
        let info: ConnectionInfo
        /// All from this number on.
        let firstShown: UInt64
        /// Earlier ones that it sent once more, and that were acked as kept here.
        var repeated: Set<UInt64> = []
    }

    private var resumed: [ObjectIdentifier: Resumed] = [:]

    /// A message was delivered without a place.
    mutating func delivered() { count += 1 }

    /// A message has its place, or gets none.
    mutating func ended() {
        count -= 1
        assert(count >= 0, "more messages have ended than were delivered")
        guard count == 0 else { return }
        unseenFrom = [:]
        resumed = [:]
    }

    /// A member that was live is no longer in.
    /// - Parameter next: the number of the next message.
    mutating func departed(_ info: ConnectionInfo, next: UInt64) {
        guard count > 0 else { return }
        unseenFrom[Device(user: info.user, device: info.device)] = next
        resumed[ObjectIdentifier(info)] = nil
    }

    /// The number of the first message that a member must be shown who goes live.
    mutating func wentLive(_ info: ConnectionInfo, resumes: Bool) -> UInt64 {
        guard resumes, let first = unseenFrom[Device(user: info.user, device: info.device)] else { return 0 }
        resumed[ObjectIdentifier(info)] = Resumed(info: info, firstShown: first)
        return first
    }

    /// A member has sent a message once more that waits already: it knows it on this connection, too.
    mutating func repeated(_ message: Submission, by info: ConnectionInfo) {
        if let number = message.number { resumed[ObjectIdentifier(info)]?.repeated.insert(number) }
    }

    /// Whether a member was shown a message on its present connection.
    func wasShown(_ message: Submission, to info: ConnectionInfo) -> Bool {
        guard let number = message.number else { return false }
        guard let member = resumed[ObjectIdentifier(info)] else { return true }
        return number >= member.firstShown || member.repeated.contains(number)
    }

    /// Members that were not shown a message on their present connections.
    func membersWithout(_ message: Submission) -> [ConnectionInfo] {
        resumed.values.map(\.info).filter { !wasShown(message, to: $0) }
    }
}
