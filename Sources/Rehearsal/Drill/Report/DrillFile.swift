import Overload
import WireProtocol

/// A drill's figures as JSON.
enum DrillFile {
    /// - Parameters:
    ///   - drill: its name.
    ///   - beganAt: Unix milliseconds.
    ///   - seconds: for how long it was to last.
    static func bytes(
        _ record: DrillRecord, drill: String, node: String, url: String, seconds: Int, beganAt: Int,
        isInterrupted: Bool, outcome: String
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("drill", drill)
        writer.member("node", node)
        writer.member("url", url)
        writer.member("began_at", beganAt)
        writer.member("seconds", seconds)
        writer.member("interrupted", isInterrupted)
        writer.member("outcome", outcome)
        writer.name("time_to_ms")
        writer.beginObject()
        for tier in Tier.allCases {
            guard let time = record.timeTo[tier] else { continue }
            writer.name(tier.name)
            writer.number(time)
        }
        writer.endObject()
        writer.member("worst_tier", record.worst.name)
        writer.member("reason", record.reason)
        writer.name("shed")
        writer.beginObject()
        for (kind, count) in record.shed.sorted(by: { $0.key < $1.key }) {
            writer.name(dynamic: kind)
            writer.number(count)
        }
        writer.endObject()
        if let ended = record.endedAt {
            writer.member("ended_ms", ended)
        }
        if let normal = record.normalAfter {
            writer.member("normal_after_ms", normal)
        }
        write(record.samples, to: &writer)
        writer.endObject()
        return writer.array
    }

    private static func write(_ samples: [DrillRecord.Sample], to writer: inout JSONWriter) {
        writer.name("samples")
        writer.beginArray()
        for sample in samples {
            writer.beginObject()
            writer.member("at_ms", sample.at)
            writer.member("tier", sample.tier.name)
            writer.member("mode", sample.mode)
            writer.member("pressure", sample.pressure)
            writer.member("reason", sample.reason)
            writer.name("signals")
            writer.beginObject()
            for (name, signal) in sample.signals.sorted(by: { $0.key < $1.key }) {
                writer.name(dynamic: name)
                writer.number(signal.value)
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
    }
}
