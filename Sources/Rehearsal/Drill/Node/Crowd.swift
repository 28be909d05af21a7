import NetworkIO
import Toolkit

/// Many connections to a node, each a user's.
///
/// Thread: the loop's.
final class Crowd: ChatClientDelegate {
    struct Habits {
        /// Whether they take what the node sends, once they are in.
        let read: Bool
        /// See `SocketAddress.connect`.
        let receiveBufferBytes: Int32?
        /// The room of the nth.
        let room: (Int) -> String
    }

    /// Handshakes at once; a listener's backlog has room for more.
    private static let dialingMax = 100
    private static let timeoutMilliseconds = 10_000
    /// After a loss, before the next one is tried.
    private static let pauseMilliseconds = 500
    /// One loopback address has some 28,000 ports towards a node.
    private static let connectionsPerSource = 20_000

    private let site: DrillSite
    private let habits: Habits
    private let key = WebSocketKey()
    private var members: [ObjectIdentifier: ChatClient] = [:]
    private var nextNumber = 0
    private var pausedUntil = 0
    /// Those that are in.
    private(set) var openCount = 0
    /// Attempts that the node did not let in, and connections that it has ended.
    private(set) var lostCount = 0
    /// Why this process can't open any more.
    private(set) var ownFault: SystemError?

    init(_ site: DrillSite, _ habits: Habits) {
        self.site = site
        self.habits = habits
    }

    private var dialingCount: Int { members.count - openCount }
    /// Numbers that were given out: rooms are those of 0 ..< this.
    var triedCount: Int { nextNumber }

    /// Goes on until `wanted` are in. To be called in each turn of a wait.
    func grow(to wanted: Int) {
        guard ownFault == nil, Clock.monotonicMilliseconds() >= pausedUntil else { return }
        while members.count < wanted, dialingCount < Self.dialingMax {
            do throws(SystemError) {
                let member = try dial(nextNumber)
                members[ObjectIdentifier(member)] = member
                nextNumber += 1
            } catch {
                ownFault = error
                return
            }
        }
    }

    private func dial(_ number: Int) throws(SystemError) -> ChatClient {
        let source = number / Self.connectionsPerSource
        let isLocal = site.node.address.hostText.hasPrefix("127.")
        return try ChatClient(
            ChatSeat(room: habits.room(number), user: "\(site.namePrefix)-\(number)"), at: site.node.address,
            from: isLocal && source > 0 ? .loopbackSource(source) : nil, host: site.node.host,
            securedWith: site.peer, key: key,
            receiveBufferBytes: habits.receiveBufferBytes, timeoutMilliseconds: Self.timeoutMilliseconds,
            loop: site.loop, delegate: self)
    }

    /// Ends all connections at once.
    func end() {
        let all = members.values
        members = [:]
        openCount = 0
        for member in all { member.reset() }
    }

    func opened(_ member: ChatClient) {
        if !habits.read { member.pauseReading() }
        guard members[ObjectIdentifier(member)] != nil else { return }
        openCount += 1
    }

    func closed(_ member: ChatClient, _ end: WebSocketClientEnd) {
        guard members.removeValue(forKey: ObjectIdentifier(member)) != nil else { return }
        if member.wasOpened { openCount -= 1 }
        lostCount += 1
        pausedUntil = Clock.monotonicMilliseconds() + Self.pauseMilliseconds
    }
}
