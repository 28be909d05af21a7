import FoundationEssentials
import Overload

/// The governor's trace of a live node, as `Tests/Measure/record_incidents.py` wrote it, played again.
struct RecordedTrace {
    enum Fault: Error { case version(String), column(String), line(Int) }

    private struct Sample {
        let at: Int
        let tier: Tier
        let readings: Readings
        let emergency: Emergency?
        let demand: Demand
    }

    /// When a worker began to do something against its delays, and until when.
    private struct Step {
        let at: Int
        let isActive: Bool
    }

    /// When the strain began and ended, by the node's monotonic clock.
    let begins: Int
    let ends: Int
    /// Unix milliseconds of each sample.
    private(set) var times: [Int] = []
    private var samples: [Sample] = []
    private var steps: [Step] = []

    init(_ text: String) throws {
        let lines = text.split(separator: "\n")
        func mark(_ name: String) throws -> Int {
            let line = lines.first { $0.hasPrefix("# \(name) ") }
            guard let mark = line.flatMap({ Int($0.dropFirst(name.count + 3)) }) else { throw Fault.column(name) }
            return mark
        }
        begins = try mark("begins")
        ends = try mark("ends")
        let rows = lines.drop { $0.hasPrefix("#") }
        guard let first = rows.first else { throw Fault.line(0) }
        let names = first.split(separator: ",").map(String.init)
        for (number, row) in rows.dropFirst().enumerated() {
            let cells = row.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard cells.count == names.count else { throw Fault.line(number) }
            try take(Dictionary(uniqueKeysWithValues: zip(names, cells)), number)
        }
    }

    private mutating func take(_ cells: [String: String], _ number: Int) throws {
        guard cells["v"] == "1" else { throw Fault.version(cells["v"] ?? "") }
        guard let at = cells["now_ms"].flatMap(Int.init) else { throw Fault.line(number) }
        guard cells["kind"] == "sample" else {
            let isActive = cells["inner_round_ms"] != "0" || cells["inner_shed"] != "" || cells["inner_limited"] != "0"
            return steps.append(Step(at: at, isActive: isActive))
        }
        var readings = Readings()
        for signal in Signal.allCases {
            guard let cell = cells["\(signal.name)"] else { throw Fault.column("\(signal.name)") }
            readings[signal] = Double(cell)
        }
        guard let tier = cells["tier"].flatMap({ Tier(named: $0) }), let time = cells["at"].flatMap(Int.init) else {
            throw Fault.line(number)
        }
        let demand = Demand(
            admitted: Double(cells["admitted_per_second"] ?? "") ?? 0,
            suppressed: Double(cells["suppressed_per_second"] ?? "") ?? 0)
        samples.append(
            Sample(
                at: at, tier: tier, readings: readings,
                emergency: Emergency.allCases.first { "\($0.name)" == cells["emergency"] }, demand: demand))
        times.append(time)
    }

    /// The course of a replay.
    struct Course {
        /// The samples whose tier is another one than the live node's, by their time after the strain's begin.
        var differences: [Int] = []
        var highest = Tier.normal
        var changes = 0
        /// From the strain's begin to the first tier above normal; nil: there was none.
        var tierAfter: Int?
        /// From its end until the node was normal and stayed so; nil: it was not.
        var normalAfter: Int?
        /// The same of the first step of an inner controller, from the strain's begin.
        var innerAfter: Int?
    }

    func replayed() throws -> Course {
        guard let first = samples.first else { throw Fault.line(0) }
        var governor = Governor(Governor.Settings(), at: first.at, unix: 0)
        var course = Course()
        for sample in samples {
            let change = governor.sampled(
                sample.readings, emergency: sample.emergency, demand: sample.demand, at: sample.at, unix: sample.at)
            let tier = governor.report.tier
            if tier != sample.tier { course.differences.append(sample.at - begins) }
            if change != nil { course.changes += 1 }
            course.highest = max(course.highest, tier)
            if tier > .normal, course.tierAfter == nil { course.tierAfter = sample.at - begins }
            if tier > .normal { course.normalAfter = nil }
            if tier == .normal, sample.at >= ends, course.normalAfter == nil { course.normalAfter = sample.at - ends }
        }
        course.innerAfter = steps.first { $0.isActive && $0.at >= begins }.map { $0.at - begins }
        return course
    }
}
