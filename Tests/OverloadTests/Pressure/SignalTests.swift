import FoundationEssentials
import Testing

@testable import Overload

struct SignalTests {
    @Test func namesAreThoseOnTheWire() {
        #expect(
            Signal.allCases.map { "\($0.name)" } == [
                "loop_lag", "queue_delay", "cpu_throttled", "memory", "memory_some", "memory_full", "open_files",
                "send_queue", "connections", "outbox", "cpu", "host_cpu", "steal", "cpu_pressure", "io_pressure",
                "redis_roundtrip",
            ])
        for signal in Signal.allCases { #expect(Signal(named: "\(signal.name)") == signal) }
        #expect(Signal.allCases.map(\.index) == Array(0..<Signal.allCases.count))
        #expect(Signal(named: "loop") == nil)
    }

    @Test(
        "The marks of the design, in the middle between them and beyond them",
        arguments: [
            (Signal.loopLag, 5.0, 100.0, 22.360_68), (.queueDelay, 2, 40, 8.944_27), (.cpu, 0.70, 1, 0.85),
            (.cpuThrottled, 2, 25, 13.5), (.memory, 0.70, 0.95, 0.825), (.memorySome, 2, 20, 11),
            (.memoryFull, 0.5, 10, 5.25), (.openFiles, 0.70, 0.95, 0.825), (.sendQueue, 0.25, 0.90, 0.575),
            (.connections, 0.85, 1, 0.925), (.hostCPU, 85, 100, 92.5), (.steal, 5, 30, 17.5),
            (.cpuPressure, 40, 95, 67.5), (.redisRoundtrip, 20, 500, 100), (.outbox, 0.25, 0.90, 0.575),
            (.ioPressure, 5, 50, 27.5),
        ])
    func marks(signal: Signal, low: Double, high: Double, middle: Double) {
        let pair = SignalMarks()[signal]
        #expect(pair.pressure(of: low) == 0 && pair.pressure(of: high) == 1)
        #expect(pair.pressure(of: 0) == 0 && pair.pressure(of: high * 1000) == 1)
        #expect(abs(pair.pressure(of: middle) - 0.5) < 0.000_01)
    }

    @Test("Single signals get other marks; all else stays")
    func overriding() throws {
        let marks = try #require(SignalMarks(overriding: "loop_lag=1:10, memory=0.2:0.4"))
        #expect(marks[.loopLag].low == 1 && marks[.loopLag].high == 10 && marks[.loopLag].isLogarithmic)
        #expect(abs(marks[.memory].pressure(of: 0.3) - 0.5) < 0.000_01)
        #expect(marks[.cpu] == SignalMarks()[.cpu])
        for text in [
            "", "loop_lag", "loop_lag=5", "loop_lag=5:", "loop_lag=5:5", "loop_lag=9:5", "loop_lag=0:5", "x=1:2",
            "cpu=1:2,", "cpu=1:2,cpu=1:3", "cpu=-1:2", "cpu=nan:2", "cpu=1:inf", "cpu=1e0:2", "cpu=1:2:3", "cpu=1.:2",
        ] {
            #expect(SignalMarks(overriding: text) == nil, "\(text)")
        }
    }

    @Test("docs/limits.md has each signal with its marks, and what it counts for")
    func documented() throws {
        let folders = #filePath.split(separator: "/").dropLast(4)
        let path = "/" + folders.joined(separator: "/") + "/docs/limits.md"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        for signal in Signal.allCases {
            let pair = SignalMarks()[signal]
            let unit = signal.unit == "ratio" ? "" : " \(signal.unit)"
            let marks = "\(plain(pair.low)) → \(plain(pair.high))\(unit)\(pair.isLogarithmic ? ", in factors" : "")"
            let counts =
                switch signal {
                case .own(let own): own.isForLightAlone ? "up to \(plain(PressureGauge.cap))" : "in full"
                case .cause: "as a cause"
                }
            let row = lines.first { $0.hasPrefix("| `\(signal.name)` |") }
            #expect(row?.hasSuffix(" | \(marks) | \(counts) |") == true, "\(signal): | \(marks) | \(counts) |")
        }
    }

    /// 5.0 as "5".
    private func plain(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : "\(value)"
    }

    @Test("What is no number is no reading")
    func readings() {
        #expect(Readings([.cpu: .nan])[.cpu] == nil && Readings([.cpu: -0.1])[.cpu] == nil)
        #expect(Readings([.cpu: .infinity])[.cpu] == nil && Readings([.cpu: 0])[.cpu] == 0)
    }
}
