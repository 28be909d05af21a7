import NetworkIO
import Toolkit

/// The members that take part in one scene, with all that they said, and whether it came to everybody for whom it is.
final class Cast {
    private let stage: Stage
    private let cluster: DemoCluster
    /// All are in this room, and nobody else.
    let room: String
    private(set) var members: [Member] = []
    private var said: [(said: Said, by: Member)] = []
    /// By member: how many messages are for it so far.
    private var due: [Int] = []
    private var talk: Talk?

    /// Messages that members send by turns until `hush`.
    private struct Talk {
        let interval: Int
        /// On the monotonic clock, in milliseconds.
        var nextDue: Int
        var next = 0
    }

    init(room: String, stage: Stage, cluster: DemoCluster) {
        self.room = room
        self.stage = stage
        self.cluster = cluster
    }

    /// Adds a member, which is not connected yet.
    /// - Parameter name: of the user, to which the scene's room is added: nobody else has it.
    func add(_ name: String, device: String = "desk", deviceType: String? = nil, at node: NodeProcess) -> Member {
        let member = Member(
            "\(name)-\(room)", device: device, deviceType: deviceType, room: room, node: node, stage: stage)
        members.append(member)
        due.append(0)
        return member
    }

    // MARK: Coming and going

    /// Connects members to the nodes that they have, and waits until they are in the room.
    func enter(_ entering: [Member]) throws {
        for member in entering { try member.connect(to: member.node) }
        try wait("the room of \(entering.count) clients", seconds: 10) { entering.allSatisfy(\.isIn) }
    }

    /// Ends the connections in order.
    func leave(_ leaving: [Member]) throws {
        for member in leaving {
            member.comesBack = false
            member.leave()
        }
        try wait("the end of \(leaving.count) connections", seconds: 5) { leaving.allSatisfy(\.isGone) }
    }

    /// Breaks all connections that are left.
    func cut() {
        for member in members { member.cut() }
    }

    // MARK: Talking

    /// Has a member send messages; to the room, or directly to a user.
    func say(_ count: Int = 1, by member: Member, to receiver: String? = nil) {
        for _ in 0..<count {
            let said = member.say(to: receiver)
            self.said.append((said, member))
            for (index, other) in members.enumerated() where Self.concerns(other, said, by: member) { due[index] += 1 }
        }
    }

    /// Messages that were sent so far.
    var saidCount: Int { said.count }
    /// Messages that were acked so far.
    var ackedCount: Int { said.count - members.reduce(0) { $0 + $1.unacked.count } }

    /// Members send to the room by turns, so many in all per second, until `hush`.
    func beginTalk(perSecond: Int) {
        talk = Talk(interval: 1000 / perSecond, nextDue: Clock.monotonicMilliseconds())
    }
    func hush() { talk = nil }

    /// Whether a message is for a member: the sender of one to the room gets its place with the ack; a direct one goes
    /// to all devices of the receiver, and to the sender's other ones.
    private static func concerns(_ member: Member, _ said: Said, by sender: Member) -> Bool {
        guard let receiver = said.receiver else { return true }
        return member.user == receiver || (member.user == sender.user && member !== sender)
    }

    // MARK: Waiting

    /// Runs the loop until `isTrue`, with members talking and coming back meanwhile.
    func wait(_ what: String, seconds: Int, until isTrue: () throws -> Bool) throws {
        try stage.wait(what, seconds: seconds) {
            try tend()
            return try isTrue()
        }
    }

    /// Waits until so many more messages are sent.
    func wait(forTalk count: Int) throws {
        let end = said.count + count
        try wait("\(count) messages more", seconds: 10) { said.count >= end }
    }

    /// Waits until all that was sent is acked, and has come to everybody for whom it is.
    func settle(seconds: Int = 15) throws {
        hush()
        try wait("the acks of \(saidCount) messages", seconds: seconds) { members.allSatisfy(\.unacked.isEmpty) }
        try wait("the delivery of \(saidCount) messages", seconds: seconds) {
            zip(members, due).allSatisfy { $0.receivedCount >= $1 }
        }
    }

    private func tend() throws {
        for (index, member) in members.enumerated() {
            if let fault = member.fault { throw SceneFault(fault) }
            if member.isLost { try bringBack(member, index) }
        }
        guard var talk else { return }
        let now = Clock.monotonicMilliseconds()
        while talk.nextDue <= now {
            say(by: members[talk.next % members.count])
            talk.next += 1
            talk.nextDue += talk.interval
        }
        self.talk = talk
    }

    /// Connects a member that was lost to another node: the lost ones are spread over those that are up.
    private func bringBack(_ member: Member, _ index: Int) throws {
        let up = cluster.up
        guard !up.isEmpty else { throw SceneFault("no node is left") }
        try member.connect(to: up[index % up.count])
    }

    // MARK: Looking back

    /// The outcome of all that was sent.
    func tally() -> DeliveryCounts {
        var tally = DeliveryCounts()
        tally.sent = said.count
        tally.unacked = members.reduce(0) { $0 + $1.unacked.count }
        for member in members {
            let wanted = said.filter { Self.concerns(member, $0.said, by: $0.by) }
            let got = wanted.count { member.roomView.has($0.said.id) || member.inboxView.has($0.said.id) }
            tally.received += got
            tally.lost += wanted.count - got
            // What came beyond that is not the member's.
            tally.duplicated += member.receivedCount - got
            for view in [member.roomView, member.inboxView] {
                tally.duplicated += view.duplicated
                tally.misordered += view.misordered
            }
        }
        tally.misordered += HistoryView.disagreements(members.map(\.roomView))
        return tally
    }

    /// Throws when anything was lost, came twice or out of order.
    func check() throws {
        let tally = tally()
        guard tally.isClean else { throw SceneFault(tally.description) }
    }
}

extension HistoryView {
    /// Places at which a view has another message than an earlier one.
    static func disagreements(_ views: [HistoryView]) -> Int {
        var agreed: [UInt64: String] = [:]
        var count = 0
        for view in views {
            for (seq, id) in view.order {
                if agreed[seq].map({ $0 != id }) ?? false { count += 1 }
                agreed[seq] = agreed[seq] ?? id
            }
        }
        return count
    }
}
