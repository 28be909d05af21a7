import FoundationEssentials
import Overload
import Testing

@testable import Gateway

struct TraceTextTests {
    private let entries: [GovernorTrace.Entry]

    init() {
        var governor = Governor(Governor.Settings(), at: 0, unix: 0)
        let readings = Readings([.queueDelay: 12.3456, .hostCPU: 100])
        _ = governor.sampled(readings, emergency: nil, demand: Demand(), at: 0, unix: 0)
        var (inner, state) = (TraceSample.Inner(), InnerState())
        (state.roundMilliseconds, state.shed, state.limited) = (20, .readMarks, 1)
        (inner.state, inner.goodput, inner.refused) = (state, 1500.5, 3)
        let sample = TraceSample(
            readings, emergency: .sendQueuesFull, demand: Demand(admitted: 10, suppressed: 0.5),
            report: governor.report,
            heaviest: TraceSample.Heaviest(kind: "user", name: #"a,"b""#, admitted: 0.25), inner: inner,
            time: 1_700_000_000_250, at: 5250)
        let step = InnerStep(
            time: 1_700_000_000_050, at: 5050, worker: 1, state: state, queueDelayMicroseconds: 14_200)
        entries = [.step(step), .sample(sample)]
    }

    @Test("JSON lines: each is an object by itself, of this version")
    func jsonLines() throws {
        let lines = TraceText.jsonLines(entries).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 2)
        let text = lines.map { String(decoding: $0, as: UTF8.self) }
        #expect(
            text[0]
                == #"{"v":1,"kind":"inner","at":1700000000050,"now_ms":5050,"worker":1,"queue_delay_ms":14.2,"#
                + #""round_ms":20,"shed":"read_marks","limited":1}"#)
        #expect(text[1].hasPrefix(#"{"v":1,"kind":"sample","at":1700000000250,"now_ms":5250,"tier":"normal","#))
        #expect(text[1].contains(#""emergency":"send_queues_full""#))
        #expect(text[1].contains(#""queue_delay":{"value":12.346,"pressure":0.0}"#))
        #expect(text[1].contains(#""heaviest":{"kind":"user","name":"a,\"b\"","admitted":0.25}"#))
        #expect(!text[1].contains("loop_lag"))
    }

    @Test("CSV: each line has as many cells as there are names; what is absent is empty")
    func csv() throws {
        let lines = String(decoding: TraceText.csv(entries), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 3)
        let names = lines[0].split(separator: ",").map(String.init)
        #expect(names.count == 22 + Signal.allCases.count * 2 && Set(names).count == names.count)
        let step = lines[1].split(separator: ",", omittingEmptySubsequences: false)
        #expect(step.count == names.count && step[0] == "1" && step[1] == "inner" && step[18] == "read_marks")
        #expect(names[16] == "inner_queue_delay_ms" && step[16] == "14.2" && names[18] == "inner_shed")
        // The name with a comma is quoted, and is one cell.
        #expect(lines[2].contains(#","user","a,""b""",0.25,"#) || lines[2].contains(#",user,"a,""b""",0.25,"#))
        let sample = lines[2].replacing(#""a,""b""""#, with: "ab")
            .split(separator: ",", omittingEmptySubsequences: false)
        #expect(sample.count == names.count)
        let place = try #require(names.firstIndex(of: "queue_delay"))
        #expect(sample[place] == "12.346")
        #expect(sample[try #require(names.firstIndex(of: "loop_lag"))] == "")
        #expect(sample[try #require(names.firstIndex(of: "goodput_per_second"))] == "1500.5")
    }
}
