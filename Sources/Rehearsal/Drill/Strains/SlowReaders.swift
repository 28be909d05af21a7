import NetworkIO
import Toolkit

/// Members of one room that do not read what is published there.
final class SlowReaders: Strain {
    /// The smallest that the kernel takes is 2,304 (socket(7)); with so little it also holds little for the sender.
    private static let receiveBufferBytes: Int32 = 4096
    /// The room's history, which must not fill up.
    private static let historySize = 10
    /// In which they have to come in.
    private static let entranceSeconds = 15
    /// Content of one message: MAX_MESSAGE_BYTES is 64 KiB unless it was lowered.
    private static let contentBytes = 48_000
    /// Bytes that may wait for all members together, in the kernel and in the node.
    private static let bytesMax = 2 << 30
    /// Of the node's metrics.
    private static let closedCounter = "sluice_slow_consumers_closed_total"
    /// Each may leave some 4 MB in the kernel's buffers (the third of net.ipv4.tcp_wmem), and SEND_QUEUE_BYTES in the
    /// node.
    static let membersMax = 400

    let name = "slow-readers"
    let signals = ["send_queue"]
    private let site: DrillSite
    private let count: Int
    private let messagesPerSecond: Int
    private let crowd: Crowd
    private let publisher: Publisher
    private var hasRoom = false
    private var closedBefore = 0
    private var closedCount = 0
    private var beganAt = 0
    private var sentCount = 0

    init(at site: DrillSite, count: Int, messagesPerSecond: Int) {
        self.site = site
        self.count = count
        self.messagesPerSecond = messagesPerSecond
        let room = site.namePrefix
        crowd = Crowd(site, Crowd.Habits(read: false, receiveBufferBytes: Self.receiveBufferBytes) { _ in room })
        publisher = Publisher(site, contentBytes: Self.contentBytes)
    }

    func prepare(for status: NodeStatus) throws -> String {
        let own = ProcessLimits.raiseOpenFiles()
        guard count < own - 32 else {
            throw DrillRefusal("--connections is \(count), and this process may have \(own) files open (ulimit -n)")
        }
        return "\(Figures.count(count, "member")) of a room do not read \(messagesPerSecond) messages of "
            + "\(Self.contentBytes / 1000) KB per second"
    }

    func begin() throws {
        closedBefore = try site.counter(Self.closedCounter) ?? 0
        try site.makeRoom(site.namePrefix, historySize: Self.historySize)
        hasRoom = true
        try site.stage.wait("\(count) members in the room", seconds: Self.entranceSeconds) {
            crowd.grow(to: count)
            if let fault = crowd.ownFault { throw SceneFault("\(fault)") }
            return crowd.openCount >= count
        }
        beganAt = Clock.monotonicMilliseconds()
    }

    func turn() {
        let due = (Clock.monotonicMilliseconds() - beganAt) * messagesPerSecond / 1000
        while sentCount < due, publisher.sentBytes * count < Self.bytesMax, publisher.publish(in: site.namePrefix) {
            sentCount += 1
        }
        // What could not be sent in time is not made up for.
        sentCount = max(sentCount, due)
    }

    func progress(_ status: NodeStatus?) -> String { "\(Figures.count(publisher.accepted, "message"))" }

    func undo() throws {
        try publisher.end()
        closedCount = max(0, (try site.counter(Self.closedCounter) ?? closedBefore) - closedBefore)
        crowd.end()
        if hasRoom { try site.delete([site.namePrefix]) }
    }

    var outcome: String {
        "\(publisher.accepted) messages for \(Figures.count(count, "member")); "
            + "\(Figures.count(closedCount, "slow reader")) closed by the node (4102)"
    }
}
