import NetworkIO

/// How busy this machine was while it was measured, with everybody on it. A value.
struct HostMeter {
    private var mark = ProcessTable.hostTicks()
    private var busy = 0
    private var all = 0

    /// A second has passed.
    /// - Parameter isMeasured: it counts.
    mutating func passed(isMeasured: Bool) {
        let now = ProcessTable.hostTicks()
        defer { mark = now }
        guard isMeasured, let mark, let now else { return }
        busy += now.busy - mark.busy
        all += now.all - mark.all
    }

    /// Of the processors' time, 0 … 1; nil: nothing was measured.
    var busyShare: Double? { all > 0 ? Double(busy) / Double(all) : nil }
}
