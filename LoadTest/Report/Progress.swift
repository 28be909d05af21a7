import NetworkIO
import Toolkit

/// Shows how the run stands, once per second: on a terminal in one line that is written over, else line by line.
struct Progress {
    private let columns = Output.terminalColumns
    private var isLineOpen = false

    mutating func show(_ record: RunRecord) {
        guard let second = record.timeline.last else { return }
        var parts = [
            "\(Figures.right(Figures.fixed(second.second, 0), 4)) s", record.phase.name,
            "\(Figures.count(second.connected)) connected",
        ]
        let failed = record.total.failedCount
        if failed > 0 { parts.append("\(Figures.count(failed)) failed") }
        if second.sent > 0 || second.delivered > 0 {
            parts.append("\(Figures.count(second.sent)) sent/s")
            parts.append("\(Figures.count(second.delivered)) delivered/s")
        }
        if let p50 = second.p50, let p99 = second.p99 {
            parts.append("p50 \(Figures.milliseconds(p50)) p99 \(Figures.milliseconds(p99)) ms")
        }
        if let tier = second.tier {
            parts.append("tier \(tier)" + (second.pressure.map { " \(Figures.fixed($0, 2))" } ?? ""))
        }
        if record.cpuShareNow > LoadReport.Tool.busyShare { parts.append("load_test is busy") }
        let text = parts.joined(separator: "  ")
        guard let columns else { return Output.line(text) }
        // Erases to the end of the line (ECMA-48, EL).
        Output.text("\r" + String(text.prefix(columns - 1)) + "\u{1B}[K")
        isLineOpen = true
    }

    /// A phase begins.
    mutating func phase(_ name: String) {
        line("\(name) …")
    }

    /// A line that stays.
    mutating func line(_ text: String) {
        clear()
        Output.line(text)
    }

    /// Makes room for other output.
    mutating func clear() {
        if isLineOpen { Output.text("\r\u{1B}[K") }
        isLineOpen = false
    }
}
