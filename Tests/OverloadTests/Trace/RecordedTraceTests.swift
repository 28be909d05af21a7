import FoundationEssentials
import Overload
import Testing

/// The incidents that `Tests/Measure/record_incidents.py` recorded on live nodes, each replayed to the tiers that it
/// must lead to.
struct RecordedTraceTests {
    private static let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")

    private static func trace(_ name: String) throws -> RecordedTrace {
        try RecordedTrace(String(contentsOfFile: "/\(folder)/Traces/Recorded/\(name).csv", encoding: .utf8))
    }

    /// The course that an incident must take. Times are milliseconds.
    struct Incident: Sendable {
        let name: String
        /// The highest tier.
        let highest: ClosedRange<Tier>
        /// From the strain's begin until the first tier above normal, where there is one.
        var tierWithin = Int.max
        /// From its end until the node is normal for good.
        let normalWithin: Int
        let changesMax: Int
    }

    private static let incidents: [Incident] = [
        // What others do to the machine, to Redis or to the clock is no scarcity of the node.
        Incident(name: "neighbour", highest: .normal ... .normal, normalWithin: 500, changesMax: 0),
        Incident(name: "slow_redis", highest: .normal ... .normal, normalWithin: 500, changesMax: 0),
        Incident(name: "stall", highest: .normal ... .normal, normalWithin: 500, changesMax: 0),
        Incident(name: "clock_jump", highest: .normal ... .normal, normalWithin: 500, changesMax: 0),
        Incident(name: "storm", highest: .normal ... .normal, normalWithin: 500, changesMax: 0),
        // Its own quota is, and a load that ends is over within 10 s; memory and descriptors take 30 s.
        Incident(
            name: "quota", highest: .heavy ... .heavy, tierWithin: 1_500, normalWithin: 10_000, changesMax: 6),
        Incident(name: "hot_room", highest: .heavy ... .heavy, tierWithin: 5_000, normalWithin: 500, changesMax: 4),
        Incident(
            name: "memory_hog", highest: .heavy ... .heavy, normalWithin: 30_000, changesMax: 6),
        Incident(
            name: "slow_readers", highest: .heavy ... .heavy, tierWithin: 5_000, normalWithin: 30_000, changesMax: 4),
        Incident(
            name: "out_of_descriptors", highest: .heavy ... .heavy, tierWithin: 1_500, normalWithin: 30_000,
            changesMax: 4),
    ]

    @Test("Under its quota a worker sheds within a second of the load's begin, long before there is a tier")
    func inner() throws {
        let course = try Self.trace("quota").replayed()
        let (inner, tier) = (try #require(course.innerAfter), try #require(course.tierAfter))
        // load_test takes half a second to connect.
        #expect(inner < tier && inner <= 1_000)
    }

    @Test("The wall clock of the jump jumps, and the governor's does not")
    func jump() throws {
        let times = try Self.trace("clock_jump").times
        let steps = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(steps.contains { $0 > 3_590_000 } && steps.contains { $0 < -7_190_000 })
    }

    @Test("A file of another version, or with a line too short, is refused")
    func malformed() throws {
        let good = "# begins 0\n# ends 9\nv,kind,now_ms\n"
        #expect(throws: RecordedTrace.Fault.self) { try RecordedTrace(good + "2,inner,5\n") }
        #expect(throws: RecordedTrace.Fault.self) { try RecordedTrace(good + "1,inner\n") }
        #expect(throws: RecordedTrace.Fault.self) { try RecordedTrace(good + "1,sample,5\n") }
        #expect(throws: RecordedTrace.Fault.self) { try RecordedTrace("v,kind,now_ms\n") }
    }

    @Test(arguments: incidents)
    func replay(incident: Incident) throws {
        let course = try Self.trace(incident.name).replayed()
        // A live node had smoothed what was before the first sample, and its numbers had more digits.
        #expect(course.differences.count <= 2, "\(course.differences)")
        #expect(incident.highest.contains(course.highest), "\(course.highest)")
        #expect(course.changes <= incident.changesMax, "\(course.changes)")
        #expect(course.tierAfter ?? 0 <= incident.tierWithin, "\(course)")
        let normalAfter = try #require(course.normalAfter, "not normal at the end")
        #expect(normalAfter <= incident.normalWithin, "\(course)")
    }
}
