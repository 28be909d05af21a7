import FoundationEssentials
import Testing

/// The recorded traces, each replayed to the tiers that it names.
struct TraceTests {
    private static let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")

    private func trace(_ name: String) throws -> Trace {
        try Trace(String(contentsOfFile: "/\(Self.folder)/Traces/\(name).trace", encoding: .utf8))
    }

    @Test(arguments: [
        "step", "ramp", "sine", "step_that_ends", "memory_hog", "neighbour", "half_a_processor", "processor_alone",
        "signals_go_missing", "stalled_worker", "idle_machine", "brief_lag",
    ])
    func traceIsReplayed(name: String) throws {
        let trace = try trace(name)
        #expect(trace.expectations > 0)
        #expect(trace.faults() == [])
    }

    @Test func whatDoesNotComeTrueIsSaid() throws {
        let trace = try Trace("0 loop_lag=200\n5000 expect normal\n5000 changes 0\n")
        #expect(trace.expectations == 2)
        #expect(trace.faults().count == 2)
        for text in ["x", "0 nothing=1", "0 cpu=x", "5 cpu=1\n4 cpu=1", "0 expect", "0 expect nothing", "0 cpu"] {
            #expect(throws: Trace.Fault.self, "\(text)") { try Trace(text) }
        }
    }
}
