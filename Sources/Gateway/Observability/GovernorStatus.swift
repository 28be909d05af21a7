import Overload
import WireProtocol

/// `governor` of `GET /api/system/status`.
struct GovernorStatus {
    private let context: NodeContext
    private let report: GovernorReport
    private let time: Int

    /// - Parameter time: Unix milliseconds.
    init(context: NodeContext, at time: Int) {
        self.context = context
        self.time = time
        report = context.governor.current
    }

    func write(to writer: inout JSONWriter) {
        writer.name("governor")
        writer.beginObject()
        writer.member("tier", report.tier.name)
        writer.member("pinned", report.isPinned)
        writer.member("dry_run", report.isDryRun)
        writer.member("since_at", report.since)
        writer.member("reason", report.reason ?? "")
        if let cause = report.cause { writer.member("cause", cause.name) }
        writer.member("pressure", Self.rounded(report.pressure))
        writeSignals(to: &writer)
        if let limit = report.memoryLimit {
            writer.member("memory_limit_bytes", limit)
        }
        writer.name("suspended")
        writer.beginArray()
        let policy = TierPolicy.of(report.tiersInEffect)
        let configuration = context.configuration
        for name in policy.suspended(hasStore: configuration.redis != nil, isCompressing: configuration.compresses) {
            writer.string(name)
        }
        writer.endArray()
        writeTransitions(to: &writer)
        writeShed(to: &writer)
        writeHeaviest(to: &writer)
        writer.name("sampling_cpu_percent")
        let uptime = Double(max(context.uptimeSeconds, 1))
        writer.number(Self.rounded(100 * report.samplingSeconds / uptime))
        writer.endObject()
    }

    /// Four digits after the point are more than any of it is exact to.
    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

    private func writeSignals(to writer: inout JSONWriter) {
        writer.name("signals")
        writer.beginObject()
        for reading in report.readings {
            writer.name(reading.signal.name)
            writer.beginObject()
            writer.member("value", Self.rounded(reading.value))
            writer.member("unit", reading.signal.unit)
            writer.member("kind", reading.signal.kind)
            writer.member("pressure", Self.rounded(reading.pressure))
            writer.endObject()
        }
        writer.endObject()
    }

    private func writeTransitions(to writer: inout JSONWriter) {
        writer.name("transitions")
        writer.beginArray()
        for change in report.changes {
            writer.beginObject()
            writer.member("at", change.at)
            writer.member("from", change.from.name)
            writer.member("to", change.to.name)
            writer.member("reason", change.reason)
            if let cause = change.cause { writer.member("cause", cause.name) }
            writer.endObject()
        }
        writer.endArray()
    }

    /// The source that was limited last.
    private func writeHeaviest(to writer: inout JSONWriter) {
        guard let heaviest = HeaviestSource.worst(of: context.reports.heaviest.current.values) else { return }
        writer.name("heaviest")
        writer.beginObject()
        writer.member("kind", heaviest.kind)
        if let user = heaviest.user { writer.member("user", user.text) }
        if let address = heaviest.address { writer.member("address", address.description) }
        if let room = heaviest.room { writer.member("room", room.text) }
        writer.member("share", Self.rounded(heaviest.share))
        writer.member("admitted", Self.rounded(heaviest.admitted))
        writer.member("refused_total", context.counters.reduce(0) { $0 + $1.count(.heaviest) })
        writer.endObject()
    }

    private func writeShed(to writer: inout JSONWriter) {
        writer.name("shed_total")
        writer.beginObject()
        for kind in ShedKind.allCases {
            writer.member(kind.name, context.counters.reduce(0) { $0 + $1.shedCount(kind) })
        }
        writer.endObject()
    }
}
