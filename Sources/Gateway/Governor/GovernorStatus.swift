import ControlPlane
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
        writer.name("tier")
        writer.string(report.tier.name)
        writer.name("pinned")
        writer.bool(report.isPinned)
        writer.name("dry_run")
        writer.bool(report.isDryRun)
        writer.name("since_at")
        writer.number(report.since)
        writer.name("reason")
        writer.string(report.reason ?? "")
        writer.name("pressure")
        writer.number(Self.rounded(report.pressure))
        writeSignals(to: &writer)
        if let limit = report.memoryLimit {
            writer.name("memory_limit_bytes")
            writer.number(limit)
        }
        writer.name("suspended")
        writer.beginArray()
        let policy = TierPolicy.of(report.tierInEffect)
        let configuration = context.configuration
        for name in policy.suspended(hasStore: configuration.redis != nil, isCompressing: configuration.compresses) {
            writer.string(name)
        }
        writer.endArray()
        writeTransitions(to: &writer)
        writeShed(to: &writer)
        writer.name("sampling_cpu_percent")
        let uptime = Double(max(time - context.startedAt, 1)) / 1000
        writer.number(Self.rounded(100 * report.samplingSeconds / uptime))
        writer.endObject()
    }

    /// Four digits after the point are more than any of it is exact to.
    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

    private func writeSignals(to writer: inout JSONWriter) {
        writer.name("signals")
        writer.beginObject()
        for reading in report.readings {
            writer.name(dynamic: reading.signal)
            writer.beginObject()
            writer.name("value")
            writer.number(Self.rounded(reading.value))
            writer.name("unit")
            writer.string(reading.unit)
            writer.name("pressure")
            writer.number(Self.rounded(reading.pressure))
            writer.endObject()
        }
        writer.endObject()
    }

    private func writeTransitions(to writer: inout JSONWriter) {
        writer.name("transitions")
        writer.beginArray()
        for change in report.changes {
            writer.beginObject()
            writer.name("at")
            writer.number(change.at)
            writer.name("from")
            writer.string(change.from.name)
            writer.name("to")
            writer.string(change.to.name)
            writer.name("reason")
            writer.string(change.reason)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeShed(to writer: inout JSONWriter) {
        writer.name("shed_total")
        writer.beginObject()
        for kind in ShedKind.allCases {
            writer.name(kind.name)
            writer.number(context.counters.reduce(0) { $0 + $1.shedCount(kind) })
        }
        writer.endObject()
    }
}
