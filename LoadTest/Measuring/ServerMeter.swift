import NetworkIO

/// Measures the process of one node, where it runs on this machine: its CPU time and memory.
struct ServerMeter {
    /// As the user wrote it.
    let url: String
    /// nil where the process was not found.
    private(set) var pid: Int?
    private var proportionalBytesAtStart: Int?
    private var cpuAtMark: Double?
    private(set) var connectCPUSeconds: Double?
    private(set) var measureCPUSeconds: Double?
    /// Memory (PSS) that connections added.
    private(set) var bytesAdded: Int?

    init(url: String) { self.url = url }

    /// Finds the process, before there is any load.
    mutating func begin(port: UInt16) {
        pid = ProcessTable.listener(port: port)
        proportionalBytesAtStart = pid.flatMap(ProcessTable.proportionalBytes)
    }

    mutating func phaseBegins() { cpuAtMark = pid.flatMap(ProcessTable.cpuSeconds) }

    /// - Parameters:
    ///   - isConnect: all connections were made in it.
    ///   - isAtRest: it leaves connections that do nothing: their memory is measured.
    ///   - isMeasured: its CPU time counts.
    mutating func phaseEnded(isConnect: Bool, isAtRest: Bool, isMeasured: Bool) {
        guard let pid, let before = cpuAtMark, let now = ProcessTable.cpuSeconds(pid: pid) else { return }
        if isConnect { connectCPUSeconds = now - before }
        if isMeasured { measureCPUSeconds = (measureCPUSeconds ?? 0) + now - before }
        guard isAtRest, let start = proportionalBytesAtStart,
            let bytes = ProcessTable.proportionalBytes(pid: pid)
        else { return }
        bytesAdded = bytes - start
    }
}
