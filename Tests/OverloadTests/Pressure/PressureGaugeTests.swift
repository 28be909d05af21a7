import Testing

@testable import Overload

struct PressureGaugeTests {
    /// A gauge after so many samples, a quarter of a second apart, of the same values.
    private func gauge(_ values: [Signal: Double], samples: Int = 100, busy: Double? = nil) -> PressureGauge {
        var gauge = PressureGauge(marks: SignalMarks())
        var readings = Readings(values)
        readings.busyShare = busy
        for index in 0..<samples { gauge.sampled(readings, at: index * 250) }
        return gauge
    }

    @Test("It rises with a time constant of half a second, and falls with one of five")
    func smoothing() throws {
        var gauge = gauge([.memory: 0.95], samples: 3)
        let risen = try #require(gauge.pressure(of: .memory))
        #expect(abs(risen - (1 - 0.367_879)) < 0.000_01)
        for index in 3..<100 { gauge.sampled(Readings([.memory: 0.95]), at: index * 250) }
        #expect(try #require(gauge.pressure(of: .memory)) > 0.999)
        gauge.sampled(Readings([.memory: 0.1]), at: 99 * 250 + 5_000)
        #expect(abs(try #require(gauge.pressure(of: .memory)) - 0.367_879) < 0.001)
    }

    @Test("The same whatever the interval of sampling")
    func anyInterval() throws {
        var found: [Double] = []
        for interval in [50, 250, 1000] {
            var gauge = PressureGauge(marks: SignalMarks())
            for time in stride(from: 0, through: 1000, by: interval) {
                gauge.sampled(Readings([.queueDelay: 100]), at: time)
            }
            found.append(try #require(gauge.pressure(of: .queueDelay)))
        }
        #expect(abs(found[0] - found[1]) < 1e-9 && abs(found[1] - found[2]) < 1e-9)
    }

    @Test("The highest counts, and of equal ones the first; none is no reason")
    func highest() {
        #expect(gauge([.cpu: 0.2]).highest.signal == nil && gauge([:]).highest.pressure == 0)
        #expect(gauge([.memory: 0.9, .sendQueue: 0.5]).highest.signal == .memory)
        #expect(gauge([.memory: 1, .loopLag: 200]).highest.signal == .loopLag)
    }

    @Test(
        "Processors in use, whoever uses them, count as light, and as moderate when the node's own delays confirm it",
        arguments: [
            (Signal.hostCPU, 100.0, 0.70), (.steal, 50, 0.70), (.cpuPressure, 100, 0.70), (.cpu, 1, 0.70),
            (.cpuThrottled, 100, 0.70),
        ])
    func confirmation(signal: Signal, value: Double, cap: Double) throws {
        #expect(gauge([signal: value]).pressure(of: signal) == cap)
        // Below and above a pressure of one half.
        #expect(gauge([signal: value, .queueDelay: 8], busy: 1).pressure(of: signal) == cap)
        #expect(gauge([signal: value, .queueDelay: 10], busy: 1).pressure(of: signal) == 0.85)
        #expect(gauge([signal: value, .loopLag: 30], busy: 1).pressure(of: signal) == 0.85)
        #expect(gauge([signal: value, .memory: 1], busy: 1).pressure(of: signal) == cap)
        // What is for light alone neither leads nor keeps the node above it.
        #expect(gauge([signal: value]).deepPressure == 0)
        #expect(gauge([signal: value, .queueDelay: 10], busy: 1).deepPressure == 0.85)
    }

    @Test(
        "Limits that are kept anyway, and what others are slow with, never count for more than light",
        arguments: [
            (Signal.redisRoundtrip, 9000.0), (.outbox, 1), (.ioPressure, 100), (.connections, 1), (.openFiles, 1),
        ])
    func capped(signal: Signal, value: Double) {
        #expect(gauge([signal: value, .loopLag: 100], busy: 1).pressure(of: signal) == 0.70)
        #expect(gauge([signal: value]).deepPressure == 0)
    }

    @Test("On a busy machine the delays of a node that does little are the machine's")
    func heldUp() throws {
        let late: [Signal: Double] = [.hostCPU: 100, .loopLag: 90]
        #expect(gauge(late, busy: 0.24).highest.pressure == 0.70)
        #expect(gauge(late, busy: 0.24).deepPressure == 0)
        #expect(gauge(late, busy: 0.26).highest.pressure > 0.9)
        #expect(gauge(late).highest.pressure > 0.9, "not known: not excused")
        #expect(gauge([.hostCPU: 60, .loopLag: 90], busy: 0.1).highest.pressure > 0.9)
    }

    @Test("A signal that is not read for five seconds is absent")
    func absence() {
        var gauge = gauge([.memory: 0.9, .cpu: 0.5], samples: 10)
        let last = 9 * 250
        gauge.sampled(Readings([.cpu: 0.5]), at: last + 5_000)
        #expect(gauge.readings.map(\.signal) == ["cpu", "memory"])
        gauge.sampled(Readings([.cpu: 0.5]), at: last + 5_001)
        #expect(gauge.readings.map(\.signal) == ["cpu"] && gauge.pressure(of: .memory) == nil)
    }
}
