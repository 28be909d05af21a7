import ControlPlane
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
        writer.name("drill")
        writer.string(drill)
        writer.name("node")
        writer.string(node)
        writer.name("url")
        writer.string(url)
        writer.name("began_at")
        writer.number(beganAt)
        writer.name("seconds")
        writer.number(seconds)
        writer.name("interrupted")
        writer.bool(isInterrupted)
        writer.name("outcome")
        writer.string(outcome)
        writer.name("time_to_ms")
        writer.beginObject()
        for tier in Tier.allCases {
            guard let time = record.timeTo[tier] else { continue }
            writer.name(tier.name)
            writer.number(time)
        }
        writer.endObject()
        writer.name("worst_tier")
        writer.string(record.worst.name)
        writer.name("reason")
        writer.string(record.reason)
        writer.name("shed")
        writer.beginObject()
        for (kind, count) in record.shed.sorted(by: { $0.key < $1.key }) {
            writer.name(dynamic: kind)
            writer.number(count)
        }
        writer.endObject()
        if let ended = record.endedAt {
            writer.name("ended_ms")
            writer.number(ended)
        }
        if let normal = record.normalAfter {
            writer.name("normal_after_ms")
            writer.number(normal)
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
            writer.name("at_ms")
            writer.number(sample.at)
            writer.name("tier")
            writer.string(sample.tier.name)
            writer.name("mode")
            writer.string(sample.mode)
            writer.name("pressure")
            writer.number(sample.pressure)
            writer.name("reason")
            writer.string(sample.reason)
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
