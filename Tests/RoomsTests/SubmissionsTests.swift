import Core
import TestSupport
import Testing

@testable import Rooms

@Suite("Own messages without a place")
struct SubmissionsTests {
    @Test("Of messages with one id the first counts, and the next one when that is gone")
    func repetitions() {
        var waiting = Submissions()
        for content in ["1", "2", "3"] {
            _ = waiting.append(sampleSubmission("x", content: content), isProvisional: false)
        }
        #expect(waiting.first(like: sampleBody("x"))?.number == 0)
        #expect(waiting.remove(0)?.number == 0 && waiting.remove(0) == nil)
        #expect(waiting.remove(like: sampleBody("x"))?.number == 1)
        #expect(waiting.first(like: sampleBody("x"))?.number == 2 && waiting.first(like: sampleBody("y")) == nil)
        #expect(waiting.removeAll().count == 1 && waiting.count == 0 && waiting.nextNumber == 3)
    }

    @Test("Who goes was shown what was delivered without a place by then, and nothing that waits behind it")
    func unshown() {
        var waiting = Submissions()
        for id in ["a", "b", "c"] { _ = waiting.append(sampleSubmission(id), isProvisional: id == "a") }
        #expect(waiting.unshownFrom == 1 && waiting.nextNumber == 3)
        #expect(waiting.madeProvisional(1) != nil && waiting.unshownFrom == 2)
        #expect(waiting.remove(1) != nil && waiting.madeProvisional(1) == nil && waiting.unshownFrom == 2)
    }

    @Test("A batch has at most so many messages, and either kept ones or others")
    func batches() {
        var waiting = Submissions()
        for number in 0..<Submissions.batchMax + 3 {
            _ = waiting.append(sampleSubmission("i\(number)"), isProvisional: number < 2)
        }
        #expect(waiting.nextWasKept && waiting.takeUnsent().count == 2)
        #expect(!waiting.nextWasKept && waiting.takeUnsent().count == Submissions.batchMax)
        #expect(waiting.takeUnsent().count == 1 && !waiting.hasUnsent && waiting.takeUnsent().isEmpty)
        waiting.unsend()
        #expect(waiting.hasUnsent && waiting.nextWasKept)
    }

    @Test("It says the same as a plain list, whatever is done", arguments: 1...40 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var waiting = Submissions()
        var model: [(number: UInt64, id: Int)] = []
        for _ in 0..<3_000 {
            let id = Int.random(in: 0..<50, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                model.append((waiting.nextNumber, id))
                _ = waiting.append(sampleSubmission("i\(id)"), isProvisional: false)
            case 5..<8:
                let found = waiting.remove(like: sampleBody("i\(id)"))?.number
                let index = model.firstIndex { $0.id == id }
                #expect(found == index.map { model.remove(at: $0).number }, "seed \(seed)")
            case 8: _ = waiting.takeUnsent()
            default: waiting.unsend()
            }
            #expect(waiting.count == model.count, "seed \(seed)")
            #expect(waiting.first(like: sampleBody("i\(id)"))?.number == model.first { $0.id == id }?.number)
        }
        waiting.unsend()
        var sent: [UInt64] = []
        while waiting.hasUnsent { sent += waiting.takeUnsent().compactMap(\.number) }
        #expect(sent == model.map(\.number) && waiting.waiting.compactMap(\.number) == sent, "seed \(seed)")
    }
}
