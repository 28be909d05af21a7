import Testing

@testable import Overload

struct GovernorTraceTests {
    private func sample(at now: Int, _ values: [Signal: Double] = [:]) -> TraceSample {
        TraceSample(
            Readings(values), emergency: nil, demand: Demand(), report: GovernorReport(since: 0), heaviest: nil,
            inner: TraceSample.Inner(), time: now, at: now)
    }

    private func step(at now: Int) -> InnerStep {
        InnerStep(time: now, at: now, worker: 0, state: InnerState(), queueDelayMicroseconds: 1)
    }

    @Test("It has what was read, what it made of it, and what was absent")
    func values() {
        var governor = Governor(Governor.Settings(), at: 0, unix: 0)
        for now in stride(from: 0, to: 5000, by: 250) {
            _ = governor.sampled(Readings([.memory: 0.9]), emergency: nil, demand: Demand(), at: now, unix: now)
        }
        let readings = Readings([.hostCPU: 100, .queueDelay: 3])
        _ = governor.sampled(readings, emergency: .workerStalled, demand: Demand(), at: 5000, unix: 5000)
        let sample = TraceSample(
            readings, emergency: .workerStalled, demand: Demand(admitted: 2, suppressed: 1), report: governor.report,
            heaviest: nil, inner: TraceSample.Inner(), time: 9, at: 5000)
        #expect(sample.value(of: .hostCPU) == 100 && sample.value(of: .memory) == nil)
        #expect(sample.value(of: .loopLag) == nil && sample.pressure(of: .loopLag) == nil)
        // What was not read this once keeps its pressure.
        #expect(sample.pressure(of: .memory) ?? 0 > 0.7)
        #expect(sample.tiers[.loop] == .heavy && sample.reason == "loop_lag" && sample.emergency == .workerStalled)
        #expect(sample.demand == Demand(admitted: 2, suppressed: 1) && sample.time == 9 && sample.at == 5000)
    }

    @Test("Samples and steps come in the order of their time, as far back as was asked for")
    func entries() {
        var trace = GovernorTrace()
        trace.sampled(sample(at: 1000), after: [])
        trace.sampled(sample(at: 1250), after: [step(at: 1100), step(at: 1050), step(at: 1250)])
        trace.sampled(sample(at: 1500), after: [step(at: 1240)])
        #expect(trace.entries(seconds: 1, at: 2000).map(\.at) == [1000, 1050, 1100, 1240, 1250, 1250, 1500])
        #expect(trace.entries(seconds: 1, at: 2100).map(\.at) == [1100, 1240, 1250, 1250, 1500])
        guard case .step = trace.entries(seconds: 1, at: 2250)[0] else { return #expect(Bool(false), "no step first") }
    }

    @Test("It keeps ten minutes, and no more entries than its bound")
    func bound() {
        var trace = GovernorTrace()
        for now in stride(from: 0, through: 700_000, by: 250) {
            trace.sampled(sample(at: now), after: [step(at: now)])
        }
        #expect(trace.sampleCount == 2401 && trace.stepCount == 2401)
        #expect(trace.entries(seconds: 600, at: 700_000).count == 4802)
        for _ in 0..<GovernorTrace.entriesMax {
            trace.sampled(sample(at: 700_000), after: [step(at: 700_000), step(at: 700_000)])
        }
        #expect(trace.sampleCount == GovernorTrace.entriesMax && trace.stepCount == GovernorTrace.entriesMax)
    }
}

struct InnerStateTests {
    @Test("The worst of two goes farther in each part")
    func worst() {
        var (one, other) = (InnerState(), InnerState())
        (one.roundMilliseconds, one.limited) = (20, 1)
        (other.shed, other.limited) = (.reads, 2)
        let worst = one.worst(with: other)
        #expect(worst.roundMilliseconds == 20 && worst.shed == .reads && worst.limited == 3)
        one.shed = .messages
        #expect(other.worst(with: one).shed == .messages)
    }

    @Test("A controller's state is that of its parts")
    func ofController() {
        var controller = InnerController()
        #expect(controller.state == InnerState())
        for _ in 0..<40 {
            _ = controller.admission.admits(.reads)
            controller.windowEnded(delayMicroseconds: 100_000, busy: 1, elapsed: 50)
        }
        #expect(controller.batching.isLongest && controller.state.shed == .reads)
        #expect(controller.state.roundMilliseconds == AdaptiveBatching.longestMilliseconds)
    }
}
