import NetworkIO
import Overload

/// Keeps the governor's trace: what the workers' counters and steps say is put beside each of its samples.
///
/// Thread: the control loop's.
struct TraceRecorder {
    /// From one answer that was made to the next: a long one takes some ten milliseconds, which the governor has not.
    private static let pauseMilliseconds = 100

    private let context: NodeContext
    private var trace = GovernorTrace()
    /// Each worker's last step.
    private var states: [InnerState]
    private var counted: (committed: Int, refused: Int, at: Int)
    /// When an answer was made last.
    private var answeredAt = Int.min / 2

    init(context: NodeContext, at now: Int) {
        self.context = context
        states = Array(repeating: InnerState(), count: context.workerCount)
        counted = (0, 0, now)
    }

    /// The governor has taken a sample, and its report says what it made of it.
    mutating func sampled(_ sample: NodeSampler.Sample, _ report: GovernorReport, at now: Int) {
        let steps = context.reports.innerSteps.take()
        for step in steps { states[step.worker] = step.state }
        let kept = TraceSample(
            sample.readings, emergency: sample.emergency, demand: sample.demand, report: report, heaviest: heaviest,
            inner: inner(at: now), time: Clock.unixMilliseconds(), at: now)
        trace.sampled(kept, after: steps)
    }

    private mutating func inner(at now: Int) -> TraceSample.Inner {
        var inner = TraceSample.Inner()
        inner.state = states.reduce(InnerState()) { $0.worst(with: $1) }
        let committed = context.counters.reduce(0) { $0 + $1.committed.value }
        let refused = context.counters.reduce(0) { total, worker in
            total + worker.count(.heaviest)
                + [.messages, .directs, .typing, .readMarks, .history, .users, .joins].reduce(0) {
                    $0 + worker.shedCount($1)
                }
        }
        let seconds = Double(max(now - counted.at, 1)) / 1000
        inner.goodput = Double(committed - counted.committed) / seconds
        inner.refused = Double(refused - counted.refused) / seconds
        counted = (committed, refused, now)
        return inner
    }

    private var heaviest: TraceSample.Heaviest? {
        guard let source = HeaviestSource.worst(of: context.reports.heaviest.current.values), source.admitted < 1 else {
            return nil
        }
        return TraceSample.Heaviest(kind: source.kind, name: source.name, admitted: source.admitted)
    }

    /// Answers requests for parts of the trace: those for the same one with one answer, and others within
    /// `pauseMilliseconds` with 503.
    mutating func answer(_ requests: [(wanted: TraceWanted, responder: Responder)], at now: Int) {
        guard let first = requests.first else { return }
        let isEarly = now - answeredAt < Self.pauseMilliseconds
        let response =
            isEarly
            ? nil : TraceText.response(trace.entries(seconds: first.wanted.seconds, at: now), first.wanted.format)
        if !isEarly { answeredAt = Clock.monotonicMilliseconds() }
        for request in requests {
            let own = request.wanted == first.wanted ? response : nil
            request.responder.answer(
                own ?? .unavailable("the trace is being read by somebody else", retrySeconds: 1), by: context)
        }
    }
}
