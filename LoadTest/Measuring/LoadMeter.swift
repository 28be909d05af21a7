import NetworkIO

/// Counts what happens in a loading process.
struct LoadMeter {
    /// Since the last report.
    private var counts = LoadCounts()
    /// Since the start.
    private(set) var receivedBytes = 0
    /// When the bytes came that are being taken, in monotonic nanoseconds.
    private(set) var arrival = Clock.monotonicNanoseconds()
    private var reportedCPU = ProcessLimits.cpuMicroseconds()
    private var reportedAt = Clock.monotonicNanoseconds()

    /// The counts since the last report, with the time since then; the next ones begin at zero.
    mutating func report() -> LoadCounts {
        let (cpu, now) = (ProcessLimits.cpuMicroseconds(), Clock.monotonicNanoseconds())
        counts.cpuMicroseconds = Int(cpu - reportedCPU)
        counts.wallMicroseconds = (now - reportedAt) / 1000
        (reportedCPU, reportedAt) = (cpu, now)
        defer { counts.reset() }
        return counts
    }

    @inline(__always)
    mutating func arrived(bytes count: Int) {
        arrival = Clock.monotonicNanoseconds()
        counts.receivedBytes += count
        receivedBytes += count
    }

    // MARK: Connections

    mutating func opened(after nanoseconds: Int) {
        counts.opened += 1
        counts.handshake.record(nanoseconds: nanoseconds)
    }
    mutating func failed(_ reason: String) { counts.failed[reason, default: 0] += 1 }
    mutating func closed(_ code: UInt16) { counts.closed[code, default: 0] += 1 }

    // MARK: Messages

    mutating func late(by nanoseconds: Int) { counts.lateness.record(nanoseconds: max(nanoseconds, 0)) }
    mutating func sent() { counts.sent += 1 }
    mutating func acked(after nanoseconds: Int) {
        counts.acked += 1
        counts.ack.record(nanoseconds: nanoseconds)
    }
    mutating func refused(_ code: String) { counts.refused[code, default: 0] += 1 }

    @inline(__always)
    mutating func delivered(after nanoseconds: Int) {
        counts.delivered += 1
        counts.delivery.record(nanoseconds: nanoseconds)
    }

    mutating func duplicated() { counts.faults.duplicated += 1 }
    mutating func misordered() { counts.faults.misordered += 1 }
    mutating func corrupted() { counts.faults.corrupted += 1 }
    mutating func sawGap() { counts.gaps += 1 }
}
