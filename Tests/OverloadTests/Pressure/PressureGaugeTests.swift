import Testing

@testable import Overload

struct PressureGaugeTests {
    /// A gauge after so many samples, a quarter of a second apart, of the same values.
    private func gauge(_ values: [Signal: Double], samples: Int = 100) -> PressureGauge {
        var gauge = PressureGauge(marks: SignalMarks())
        let readings = Readings(values)
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

    /// Every cause far beyond its upper mark.
    private let allCauses = Dictionary(uniqueKeysWithValues: Cause.allCases.map { (Signal.cause($0), 10_000.0) })

    @Test("No cause makes a pressure of the node, nor adds to one, whatever the node's own signals say")
    func causesBringNothing() {
        #expect(gauge(allCauses).highest.pressure == 0 && gauge(allCauses).pressure(on: .loop).all == 0)
        for signal in OwnSignal.allCases {
            for value in [0.1, 0.3, 0.8, 3, 8, 60] {
                let own: [Signal: Double] = [.own(signal): value]
                let (alone, among) = (gauge(own), gauge(own.merging(allCauses) { own, _ in own }))
                #expect(alone.highest.pressure == among.highest.pressure, "\(signal) at \(value)")
                #expect(
                    alone.pressure(on: signal.resource) == among.pressure(on: signal.resource), "\(signal) at \(value)")
            }
        }
    }

    @Test("The strongest cause is named while the node itself hurts, and only then")
    func probableCause() {
        #expect(gauge(allCauses).probableCause == nil)
        #expect(gauge([.hostCPU: 95, .cpu: 0.75, .queueDelay: 3]).probableCause == .hostCPU)
        #expect(gauge([.hostCPU: 86, .cpu: 1, .queueDelay: 3]).probableCause == .cpu)
        #expect(gauge([.queueDelay: 3]).probableCause == nil)
        #expect(gauge([.queueDelay: 2, .hostCPU: 100]).probableCause == nil, "not above its lower mark")
        #expect(gauge([.hostCPU: 100]).pressure(of: .hostCPU) ?? 0 > 0.99, "but it is shown")
    }

    @Test("Limits that are kept anyway never count for more than light")
    func lightAlone() {
        for signal in OwnSignal.allCases where signal.isForLightAlone {
            #expect(gauge([.own(signal): 100]).highest.pressure == 0.70, "\(signal)")
            #expect(gauge([.own(signal): 100]).pressure(on: signal.resource) == (0.70, 0), "\(signal)")
        }
    }

    @Test("A resource is as short as the signal of it that presses most")
    func resources() {
        let gauge = gauge([.memory: 0.825, .memorySome: 100, .loopLag: 100, .cpuThrottled: 100])
        #expect(gauge.pressure(on: .memory).all > 0.99 && gauge.pressure(on: .loop).deep > 0.99)
        #expect(gauge.pressure(on: .store) == (0, 0))
    }

    @Test("A signal that is not read for five seconds is absent")
    func absence() {
        var gauge = gauge([.memory: 0.9, .cpu: 0.5], samples: 10)
        let last = 9 * 250
        gauge.sampled(Readings([.cpu: 0.5]), at: last + 5_000)
        #expect(gauge.readings.map(\.signal) == [.memory, .cpu])
        gauge.sampled(Readings([.cpu: 0.5]), at: last + 5_001)
        #expect(gauge.readings.map(\.signal) == [.cpu] && gauge.pressure(of: .memory) == nil)
    }
}
