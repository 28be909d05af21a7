import Overload
import WireProtocol

/// The governor's trace as text: JSON lines, or CSV with a line of names.
///
/// Each line has the format's version first. A line is a `sample` of the governor, or an `inner` step of a worker. What
/// is absent is left out of JSON, and empty in CSV.
struct TraceText {
    /// Rises when a reader of the former one would misread a line; further members and columns do not count.
    static let version = 1
    static let jsonLinesMediaType = "application/x-ndjson"
    static let csvMediaType = "text/csv; charset=utf-8"

    private static let newline = UInt8(ascii: "\n")

    /// The answer to who wants a part of the trace.
    static func response(_ entries: [GovernorTrace.Entry], _ format: TraceWanted.Format) -> HTTPResponse {
        let (type, body) =
            switch format {
            case .jsonLines: (jsonLinesMediaType, jsonLines(entries))
            case .csv: (csvMediaType, csv(entries))
            }
        return HTTPResponse(
            status: 200, headers: [("Content-Type", type), ("Cache-Control", "no-store")], body: body)
    }

    // MARK: JSON lines

    static func jsonLines(_ entries: [GovernorTrace.Entry]) -> [UInt8] {
        var bytes: [UInt8] = []
        var writer = JSONWriter()
        for entry in entries {
            writer.removeAll()
            writer.beginObject()
            writer.member("v", version)
            switch entry {
            case .sample(let sample): write(sample, to: &writer)
            case .step(let step): write(step, to: &writer)
            }
            writer.endObject()
            bytes.append(contentsOf: writer.bytes)
            bytes.append(newline)
        }
        return bytes
    }

    private static func write(_ step: InnerStep, to writer: inout JSONWriter) {
        writer.member("kind", "inner" as StaticString)
        writer.member("at", step.time)
        writer.member("now_ms", step.at)
        writer.member("worker", step.worker)
        writer.member("queue_delay_ms", Double(step.queueDelayMicroseconds) / 1000)
        write(step.state, to: &writer)
    }

    private static func write(_ state: InnerState, to writer: inout JSONWriter) {
        writer.member("round_ms", state.roundMilliseconds)
        if let shed = state.shed { writer.member("shed", shed.name) }
        writer.member("limited", state.limited)
    }

    private static func write(_ sample: TraceSample, to writer: inout JSONWriter) {
        writer.member("kind", "sample" as StaticString)
        writer.member("at", sample.time)
        writer.member("now_ms", sample.at)
        writer.member("tier", sample.tiers.highest.name)
        writer.member("pinned", sample.isPinned)
        if let reason = sample.reason { writer.member("reason", reason) }
        if let cause = sample.cause { writer.member("cause", cause.name) }
        if let emergency = sample.emergency { writer.member("emergency", emergency.name) }
        writer.member("pressure", sample.pressure)
        writer.name("signals")
        writer.beginObject()
        for signal in Signal.allCases {
            let (value, pressure) = (sample.value(of: signal), sample.pressure(of: signal))
            guard value != nil || pressure != nil else { continue }
            writer.name(signal.name)
            writer.beginObject()
            if let value { writer.member("value", value) }
            if let pressure { writer.member("pressure", pressure) }
            writer.endObject()
        }
        writer.endObject()
        writer.member("admitted_per_second", sample.demand.admitted)
        writer.member("suppressed_per_second", sample.demand.suppressed)
        if let heaviest = sample.heaviest {
            writer.name("heaviest")
            writer.beginObject()
            writer.member("kind", heaviest.kind)
            writer.member("name", heaviest.name)
            writer.member("admitted", heaviest.admitted)
            writer.endObject()
        }
        writer.name("inner")
        writer.beginObject()
        write(sample.inner.state, to: &writer)
        writer.member("goodput_per_second", sample.inner.goodput)
        writer.member("refused_per_second", sample.inner.refused)
        writer.endObject()
    }

    // MARK: CSV

    /// The columns before those of the signals, of which each has its value and `pressure_…`.
    private static let columns = [
        "v", "kind", "at", "now_ms", "worker", "tier", "pinned", "reason", "cause", "emergency", "pressure",
        "admitted_per_second", "suppressed_per_second", "heaviest_kind", "heaviest_name", "heaviest_admitted",
        "inner_queue_delay_ms", "inner_round_ms", "inner_shed", "inner_limited", "goodput_per_second",
        "refused_per_second",
    ]

    static func csv(_ entries: [GovernorTrace.Entry]) -> [UInt8] {
        var names = columns
        for signal in Signal.allCases { names += ["\(signal.name)", "pressure_\(signal.name)"] }
        var bytes = Array(names.joined(separator: ",").utf8)
        bytes.append(newline)
        for entry in entries {
            let cells =
                switch entry {
                case .sample(let sample): cells(of: sample)
                case .step(let step): cells(of: step)
                }
            bytes.append(contentsOf: cells.joined(separator: ",").utf8)
            bytes.append(newline)
        }
        return bytes
    }

    private static func cells(of step: InnerStep) -> [String] {
        let before = [
            "\(version)", "inner", "\(step.time)", "\(step.at)", "\(step.worker)", "", "", "", "", "", "", "", "", "",
            "", "", number(Double(step.queueDelayMicroseconds) / 1000),
        ]
        return before + cells(of: step.state) + Array(repeating: "", count: 2 + Signal.allCases.count * 2)
    }

    private static func cells(of state: InnerState) -> [String] {
        ["\(state.roundMilliseconds)", state.shed.map { "\($0.name)" } ?? "", "\(state.limited)"]
    }

    private static func cells(of sample: TraceSample) -> [String] {
        var cells = ["\(version)", "sample", "\(sample.time)", "\(sample.at)", "", "\(sample.tiers.highest.name)"]
        cells += [sample.isPinned ? "1" : "0", sample.reason ?? "", sample.cause.map { "\($0.name)" } ?? ""]
        cells += [sample.emergency.map { "\($0.name)" } ?? "", number(sample.pressure)]
        cells += [number(sample.demand.admitted), number(sample.demand.suppressed)]
        if let heaviest = sample.heaviest {
            cells += ["\(heaviest.kind)", quoted(heaviest.name), number(heaviest.admitted)]
        } else {
            cells += ["", "", ""]
        }
        cells.append("")
        cells += self.cells(of: sample.inner.state)
        cells += [number(sample.inner.goodput), number(sample.inner.refused)]
        for signal in Signal.allCases {
            cells.append(number(sample.value(of: signal)))
            cells.append(number(sample.pressure(of: signal)))
        }
        return cells
    }

    /// At most three digits of the fraction, and none of a whole number.
    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite, abs(value) < 1e15 else { return "" }
        let thousandths = Int((value * 1000).rounded())
        return thousandths % 1000 == 0 ? "\(thousandths / 1000)" : "\(Double(thousandths) / 1000)"
    }

    /// As RFC 4180 has it, where a name needs it.
    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
