/// Counts of a load test: sums and histograms, which add up over processes and seconds.
struct LoadCounts: Codable, Sendable {
    /// Handshakes that came through.
    var opened = 0
    /// By reason.
    var failed: [String: Int] = [:]
    /// Ends of open connections by close code.
    var closed: [UInt16: Int] = [:]
    var sent = 0
    var acked = 0
    /// By code of `error` frames.
    var refused: [String: Int] = [:]
    var delivered = 0
    var receivedBytes = 0
    var faults = SequenceFaults()
    /// `gap` frames.
    var gaps = 0
    /// CPU time of the process, and the time in which it was used.
    var cpuMicroseconds = 0
    var wallMicroseconds = 0
    /// By how much the tool's own timer was late: what it could not send in time.
    var lateness = LatencyHistogram()
    var handshake = LatencyHistogram()
    var delivery = LatencyHistogram()
    var ack = LatencyHistogram()

    mutating func add(_ other: LoadCounts) {
        opened += other.opened
        failed.merge(other.failed, uniquingKeysWith: +)
        closed.merge(other.closed, uniquingKeysWith: +)
        sent += other.sent
        acked += other.acked
        refused.merge(other.refused, uniquingKeysWith: +)
        delivered += other.delivered
        receivedBytes += other.receivedBytes
        faults.add(other.faults)
        gaps += other.gaps
        cpuMicroseconds += other.cpuMicroseconds
        wallMicroseconds += other.wallMicroseconds
        lateness.add(other.lateness)
        handshake.add(other.handshake)
        delivery.add(other.delivery)
        ack.add(other.ack)
    }

    /// Starts the next interval.
    mutating func reset() {
        self = LoadCounts()
    }

    var failedCount: Int { failed.values.reduce(0, +) }
    var refusedCount: Int { refused.values.reduce(0, +) }
}

/// Breaches of the promise that each member gets each message once and in order.
struct SequenceFaults: Codable, Sendable, Equatable {
    /// Holes that were not filled.
    var lost = 0
    /// Deliveries of what was delivered before.
    var duplicated = 0
    /// Deliveries behind one that should have come later.
    var misordered = 0
    /// Deliveries whose content is not what the room has at that place, or that are of another epoch or room.
    var corrupted = 0

    mutating func add(_ other: SequenceFaults) {
        lost += other.lost
        duplicated += other.duplicated
        misordered += other.misordered
        corrupted += other.corrupted
    }

    var isEmpty: Bool { self == SequenceFaults() }
}
