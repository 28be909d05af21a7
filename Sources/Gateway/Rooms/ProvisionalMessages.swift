import Core
import Rooms

/// The messages of a room that were delivered without a place and have none yet, and which of them a connection knows.
///
/// A connection that was shown such a message, or sent it, gets a confirmation when the message has its place; any
/// other gets the message itself. A client that resumes saw some on a former connection: it is not shown these again.
///
/// A value of its room's sequencer.
struct ProvisionalMessages {
    private struct Device: Hashable {
        let user: Identifier
        let device: Identifier
    }

    /// Which messages a connection knows that came when some had been delivered without a place.
    private struct Knowledge {
        let info: ConnectionInfo
        /// The number of the first message that it was shown.
        let firstShown: UInt64
        /// Messages behind that one of which it was not shown, as they had their places when it came, or of whose
        /// places it has heard.
        var settled: Set<UInt64>
        /// Messages that it sent once more.
        var repeated: Set<UInt64> = []
    }

    /// How many there are.
    private(set) var count = 0
    /// The number of the first message that a device has not seen, for those that went while messages waited.
    private var unseenFrom: [Device: UInt64] = [:]
    /// Connections that came late. All others were shown whatever was delivered.
    private var late: [ObjectIdentifier: Knowledge] = [:]
    /// Messages that connections sent once more before they went live.
    private var repeatedEarly: [ObjectIdentifier: Set<UInt64>] = [:]

    /// A message was delivered without a place.
    mutating func delivered() { count += 1 }

    /// A message has its place, or gets none, and all members have heard of that.
    mutating func ended() {
        count -= 1
        assert(count >= 0, "more messages have ended than were delivered")
        if count == 0 { (unseenFrom, repeatedEarly) = ([:], [:]) }
    }

    /// A member that was live is no longer in.
    /// - Parameter next: the number of the first message that it was not shown.
    mutating func departed(_ info: ConnectionInfo, next: UInt64) {
        late[ObjectIdentifier(info)] = nil
        repeatedEarly[ObjectIdentifier(info)] = nil
        if count > 0 { unseenFrom[Device(user: info.user, device: info.device)] = next }
    }

    /// A member goes live.
    /// - Parameters:
    ///   - resumes: whether it came with a position.
    ///   - oldest: the number of the first message that still waits for its place; the next one's when none does.
    ///   - placed: the numbers of those that have their places, while members wait for theirs.
    /// - Returns: the number of the first message that it must be shown, and those behind that one that it has sent
    ///   itself once more.
    mutating func wentLive(
        _ info: ConnectionInfo, resumes: Bool, oldest: UInt64, placed: Set<UInt64> = []
    ) -> (first: UInt64, repeated: Set<UInt64>) {
        let unseen = resumes ? unseenFrom[Device(user: info.user, device: info.device)] : nil
        let first = max(unseen ?? 0, oldest)
        let repeated = repeatedEarly.removeValue(forKey: ObjectIdentifier(info)) ?? []
        late[ObjectIdentifier(info)] = Knowledge(info: info, firstShown: first, settled: placed, repeated: repeated)
        return (first, repeated)
    }

    /// A member sent a message once more that waits for its place.
    /// - Parameter isLive: it gets what comes.
    mutating func repeated(_ message: Submission, by info: ConnectionInfo, isLive: Bool = true) {
        guard let number = message.number else { return }
        if isLive {
            late[ObjectIdentifier(info)]?.repeated.insert(number)
        } else {
            repeatedEarly[ObjectIdentifier(info), default: []].insert(number)
        }
    }

    /// A member has heard where messages stand, by their numbers, and others have not.
    mutating func heard(_ numbers: Set<UInt64>, by info: ConnectionInfo) {
        guard !numbers.isEmpty else { return }
        var known = late[ObjectIdentifier(info)] ?? Knowledge(info: info, firstShown: 0, settled: [])
        known.settled.formUnion(numbers)
        known.repeated.subtract(numbers)
        late[ObjectIdentifier(info)] = known
    }

    /// Whether a member knows a message by its present connection, and not its place.
    func isKnown(_ message: Submission, to info: ConnectionInfo) -> Bool {
        guard let number = message.number else { return false }
        guard let known = late[ObjectIdentifier(info)] else { return true }
        return known.firstShown <= number && !known.settled.contains(number) || known.repeated.contains(number)
    }

    /// Members that do not know a message by their present connections.
    func membersWithout(_ message: Submission) -> [ConnectionInfo] {
        late.isEmpty ? [] : late.values.map(\.info).filter { !isKnown(message, to: $0) }
    }
}
