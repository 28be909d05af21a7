@testable import Overload

/// A recorded course of signals with what the governor has to make of it. One line each:
///
///     # a comment
///     1000 loop_lag=20 cpu=0.9     from this millisecond on these signals have these values
///     2000 cpu=-                   … and this one is absent
///     2000 admitted=100 suppressed=300   the demand per second
///     1500 stalled                 a worker stands still in this sample only
///     3000 expect light heavy      at this time the tier is one of these
///     9000 changes 6               up to then there were so many changes at most
struct Trace {
    enum Fault: Error { case line(Int) }

    private enum Entry {
        case set(Signal, Double?)
        case admitted(Double)
        case suppressed(Double)
        case stalled
        case expect([Tier])
        case changes(Int)
    }

    private var entries: [(at: Int, line: Int, entry: Entry)] = []

    init(_ text: String) throws {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ").prefix { !$0.hasPrefix("#") }
            guard let first = words.first else { continue }
            guard let at = Int(first), at >= entries.last?.at ?? 0 else { throw Fault.line(index + 1) }
            for entry in try Self.entries(words.dropFirst(), line: index + 1) {
                entries.append((at, index + 1, entry))
            }
        }
    }

    private static func entries(_ words: ArraySlice<Substring>, line: Int) throws -> [Entry] {
        if words.first == "expect" {
            let tiers = words.dropFirst().compactMap { Tier(named: $0) }
            guard !tiers.isEmpty, tiers.count == words.count - 1 else { throw Fault.line(line) }
            return [.expect(tiers)]
        }
        if words.first == "changes" {
            guard let count = words.last.flatMap({ Int($0) }) else { throw Fault.line(line) }
            return [.changes(count)]
        }
        return try words.map { word in
            let parts = word.split(separator: "=")
            if word == "stalled" { return .stalled }
            guard parts.count == 2 else { throw Fault.line(line) }
            let value = Double(parts[1])
            switch (parts[0], value) {
            case ("admitted", let value?): return .admitted(value)
            case ("suppressed", let value?): return .suppressed(value)
            default:
                guard let signal = Signal(named: parts[0]), value != nil || parts[1] == "-" else {
                    throw Fault.line(line)
                }
                return .set(signal, value)
            }
        }
    }

    /// The differences from the trace, a line each.
    func faults() -> [String] {
        var rehearsal = Rehearsal()
        var (readings, demand, isStalled) = (Readings(), Demand(), false)
        var faults: [String] = []
        for (at, line, entry) in entries {
            while rehearsal.now < at {
                rehearsal.sample(readings, emergency: isStalled ? .workerStalled : nil, demand: demand)
                isStalled = false
            }
            switch entry {
            case .set(let signal, let value): readings[signal] = value
            case .admitted(let value): demand.admitted = value
            case .suppressed(let value): demand.suppressed = value
            case .stalled: isStalled = true
            case .expect(let tiers):
                if !tiers.contains(rehearsal.tier) {
                    let course = rehearsal.changes.map { "\($0.to.name) at \($0.at)" }
                    faults.append("line \(line): \(rehearsal.tier.name) after \(course)")
                }
            case .changes(let most):
                if rehearsal.changes.count > most { faults.append("line \(line): \(rehearsal.tiers)") }
            }
        }
        return faults
    }

    /// Lines that can fail.
    var expectations: Int {
        entries.count { if case .expect = $0.entry { true } else if case .changes = $0.entry { true } else { false } }
    }
}
