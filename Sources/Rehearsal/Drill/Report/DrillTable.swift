import Overload
import Toolkit

/// A drill in lines: one for each second, and the table at the end.
enum DrillTable {
    private static let widths = (time: 6, tier: 10, pressure: 10, reason: 17, signal: 24, progress: 22)

    static let header =
        Figures.right("time", widths.time) + "  " + Figures.padded("tier", widths.tier)
        + Figures.padded("pressure", widths.pressure) + Figures.padded("reason", widths.reason)
        + Figures.padded("signal", widths.signal) + Figures.padded("drill", widths.progress) + "shed"

    /// - Parameters:
    ///   - seconds: since the drill began.
    ///   - progress: what the drill has done.
    ///   - shed: what was given up since the last line, by kind.
    static func line(
        seconds: Int, _ status: NodeStatus, signal: (name: String, signal: NodeStatus.Signal)?, progress: String,
        shed: [String: Int]
    ) -> String {
        let rows = [
            Figures.right("\(seconds) s", widths.time) + "  ",
            Figures.padded("\(status.tier.name)", widths.tier),
            Figures.padded(Figures.fixed(status.pressure, 2), widths.pressure),
            Figures.padded(status.reason.isEmpty ? "-" : status.reason, widths.reason),
            Figures.padded(signal.map { "\($0.name) \(value($0.signal))" } ?? "-", widths.signal - 1), " ",
            Figures.padded(progress, widths.progress - 1), " ",
            shed.isEmpty ? "-" : counts(shed, sign: "+"),
        ]
        return rows.joined()
    }

    /// The lines of the table at the end.
    static func summary(_ record: DrillRecord) -> [String] {
        var rows = Tier.allCases.dropFirst().map { tier in
            ("time to \(tier.name)", record.timeTo[tier].map(Figures.duration) ?? "-")
        }
        rows.append(
            ("worst tier", "\(record.worst.name)" + (record.reason.isEmpty ? "" : " (\(record.reason))")))
        let shed = record.shed.filter { $0.value > 0 }
        rows.append(("shed", shed.isEmpty ? "nothing" : counts(shed, sign: "")))
        rows.append(("normal again", record.normalAfter.map { "\(Figures.duration($0)) after the end" } ?? "-"))
        return rows.map { Figures.padded($0.0, 18) + $0.1 }
    }

    private static func counts(_ shed: [String: Int], sign: String) -> String {
        shed.sorted { $0.key < $1.key }.map { "\($0.key) \(sign)\($0.value)" }.joined(separator: ", ")
    }

    private static func value(_ signal: NodeStatus.Signal) -> String {
        switch signal.unit {
        case "ratio": Figures.fixed(signal.value, 3)
        case "percent": Figures.fixed(signal.value, 1) + " %"
        default: Figures.fixed(signal.value, 1) + " " + signal.unit
        }
    }
}
