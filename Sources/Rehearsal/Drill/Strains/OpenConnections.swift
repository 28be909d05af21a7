import NetworkIO
import Toolkit

/// Connections that only stay, until few descriptors or connections are left.
final class OpenConnections: Strain {
    /// So many share a room: each that comes is announced to those who are in.
    private static let membersPerRoom = 50
    /// Descriptors of this process that are no connections of the crowd.
    private static let reservedFiles = 32
    /// Of the drill's time; the rest they stay.
    private static let rampShare = 0.4

    let name = "files"
    let signals = ["open_files", "connections"]
    private let site: DrillSite
    private let target: Double
    private let crowd: Crowd
    /// As many as bring one of the two to the target.
    private var wanted = 0
    private var reachesTarget = false
    private var beganAt = 0
    private var largest = 0
    private var openFiles: Int?
    private let ownMax = ProcessLimits.raiseOpenFiles() - reservedFiles

    init(at site: DrillSite, target: Double) {
        self.site = site
        self.target = target
        let name = site.namePrefix
        crowd = Crowd(
            site,
            Crowd.Habits(read: true, receiveBufferBytes: nil) { "\(name)-\($0 / Self.membersPerRoom)" })
    }

    func prepare(for status: NodeStatus) throws -> String {
        var room = Int(target * Double(status.connectionsMax)) - status.connections
        if let open = status.openFiles, let most = status.openFilesMax {
            room = min(room, Int(target * Double(most)) - open)
        }
        guard room > 0 else { throw DrillRefusal("the node has fewer descriptors or connections left already") }
        wanted = min(room, ownMax)
        let words =
            "\(Figures.count(wanted, "connection")) are opened, beside its \(status.connections) of at most "
            + "\(status.connectionsMax)"
        guard wanted < room else { return words }
        return words + " (\(room) would be wanted; this process may not have so many files open: ulimit -n)"
    }

    func begin() { beganAt = Clock.monotonicMilliseconds() }

    func statusArrived(_ status: NodeStatus) {
        reachesTarget = signals.contains { status.signals[$0]?.value ?? 0 >= target }
    }

    func turn() {
        let ramp = Double(site.seconds * 1000) * Self.rampShare
        let due = Int(Double(wanted) * min(1, Double(Clock.monotonicMilliseconds() - beganAt) / ramp))
        if !reachesTarget { crowd.grow(to: due) }
        largest = max(largest, crowd.openCount)
    }

    func progress(_ status: NodeStatus?) -> String { Figures.count(crowd.openCount, "connection") }

    func undo() throws {
        let rooms = (crowd.triedCount + Self.membersPerRoom - 1) / Self.membersPerRoom
        crowd.end()
        try site.delete((0..<rooms).map { "\(site.namePrefix)-\($0)" })
    }

    var outcome: String {
        var text = "\(Figures.count(largest, "connection")) of \(wanted) were open"
        if crowd.lostCount > 0 { text += "; \(crowd.lostCount) were not let in, or were closed by the node" }
        if let fault = crowd.ownFault { text += "; this process could open no more: \(fault)" }
        return text
    }
}
