import NetworkIO
import Toolkit

/// Large messages in rooms of its own, whose histories fill the node's memory.
final class MemoryFill: Strain {
    /// Over all workers.
    private static let roomCount = 8
    /// As many messages as a room may keep.
    private static let historySize = 1_000_000
    /// Of the drill's time; the rest it is held.
    private static let rampShare = 0.6
    /// Closer to the target is there.
    private static let tolerance = 0.01

    let name = "memory"
    let signals = ["memory"]
    private let site: DrillSite
    private let target: Double
    /// Bytes that may be filled where no limit is set; nil: none.
    private let bytesWithoutLimit: Int?
    private let publisher: Publisher
    private var limit = 0
    private var budget: FillBudget?
    private var made: [String] = []
    private var sentCount = 0
    private var peak = 0.0

    init(at site: DrillSite, target: Double, bytesWithoutLimit: Int?) {
        self.site = site
        self.target = target
        self.bytesWithoutLimit = bytesWithoutLimit
        publisher = Publisher(site)
    }

    func prepare(for status: NodeStatus) throws -> String {
        guard status.redisState == "off" else {
            throw DrillRefusal("the node keeps histories in Redis: this drill would fill that, not the node's memory")
        }
        guard let memory = status.signals["memory"]?.value, memory > 0 else {
            throw DrillRefusal("the node does not know how much memory it uses")
        }
        if let limit = status.memoryLimit {
            self.limit = limit
        } else {
            guard bytesWithoutLimit != nil, let resident = status.residentBytes else {
                throw DrillRefusal(
                    "the node's memory limit is all of this machine's memory; start the node with "
                        + "GOVERNOR_MEMORY_LIMIT_BYTES, or give --anyway")
            }
            // The share is the machine's; a limit of which the node's part is that.
            limit = Int(Double(resident) / memory)
        }
        guard memory < target - Self.tolerance else {
            throw DrillRefusal("the node's memory is at \(Self.percent(memory)) of its limit already")
        }
        let bytes = min(Int((target - memory) * Double(limit)), bytesWithoutLimit ?? .max)
        try checkThatHistoriesMayTake(bytes, status, memory)
        return "\(bytes / 1_000_000) MB of messages fill its memory from \(Self.percent(memory)) to "
            + "\(Self.percent(target)) of \(limit / 1_000_000) MB"
    }

    /// A node's histories have a budget of their own: where that is smaller, memory would never come to the target.
    private func checkThatHistoriesMayTake(_ bytes: Int, _ status: NodeStatus, _ memory: Double) throws {
        guard let most = status.storedBytesMax else { return }
        let place = max(most - status.storedBytes, 0)
        guard bytes > place else { return }
        let reached = memory + Double(place) / Double(limit)
        throw DrillRefusal(
            "histories may take \(most / 1_000_000) MB (STORED_BYTES_MAX), with which the node's memory comes to "
                + "\(Self.percent(reached)) of its limit; start the node with STORED_BYTES_MAX=\(limit), or give "
                + "--to \(Figures.fixed(max((reached - Self.tolerance) * 100, 10).rounded(.down) / 100, 2))")
    }

    func begin() throws {
        for number in 0..<Self.roomCount {
            let room = "\(site.namePrefix)-\(number)"
            try site.makeRoom(room, historySize: Self.historySize)
            made.append(room)
        }
    }

    func statusArrived(_ status: NodeStatus) {
        guard let share = status.signals["memory"]?.value else { return }
        peak = max(peak, share)
        let now = Clock.monotonicMilliseconds()
        let ramp = Int(Double(site.seconds * 1000) * Self.rampShare)
        var budget =
            budget
            ?? FillBudget(limitBytes: limit, target: target, share: share, rampMilliseconds: ramp, at: now)
        budget.heard(share: share, at: now)
        self.budget = budget
    }

    func turn() {
        let now = Clock.monotonicMilliseconds()
        while let allowance = budget?.allowance(at: now), allowance >= publisher.contentBytes,
            publisher.sentBytes < bytesWithoutLimit ?? .max,
            publisher.publish(in: made[sentCount % made.count])
        {
            budget?.gave(publisher.contentBytes, at: now)
            sentCount += 1
        }
    }

    func progress(_ status: NodeStatus?) -> String { "\(publisher.sentBytes / 1_000_000) MB" }

    func undo() throws {
        try publisher.end()
        try site.delete(made)
    }

    var outcome: String {
        "memory was at \(Self.percent(peak)) of its limit at most, with \(Figures.count(publisher.accepted, "message"))"
            + (publisher.refused > 0 ? "; \(publisher.refused) were refused" : "")
    }

    private static func percent(_ share: Double) -> String {
        Figures.fixed(share * 100, 1) + " %"
    }
}
