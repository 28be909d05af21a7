import Core
import Overload
import Testing

/// How far apart rounds are, against a loop whose rounds cost something each.
struct AdaptiveBatchingTests {
    /// A loop that is busy for `base` of its time whatever it does, and for `round` milliseconds in each round. A round
    /// that takes longer than the rounds are apart is late.
    private struct Loop {
        var base = 0.3
        var round = 6.0
        var batching = AdaptiveBatching()

        var need: Double {
            let length = Double(batching.milliseconds)
            return length > 0 ? base + round / length : 2
        }

        /// - Returns: milliseconds until the rounds have been of the same length for a second.
        mutating func settle() -> Int {
            var (passed, last, same) = (0, batching.milliseconds, 0)
            while same < 1_000, passed < 60_000 {
                let elapsed = max(50, batching.milliseconds)
                step(elapsed)
                passed += elapsed
                same = batching.milliseconds == last ? same + elapsed : 0
                last = batching.milliseconds
            }
            return passed
        }

        mutating func step(_ elapsed: Int) {
            if need > 1 {
                batching.delayed(excess: need * 1.2, load: 1_000, busy: 1)
            } else {
                batching.calm(milliseconds: elapsed, load: 1_000, busy: need)
            }
        }
    }

    @Test("Rounds are as short as can be, however long a disturbance has made them", arguments: [6, 20, 40])
    func shortest(cost: Int) {
        var loop = Loop(round: Double(cost))
        for _ in 0..<20 { loop.batching.delayed(excess: 9, load: 1_000, busy: 1) }
        #expect(loop.batching.isLongest)
        let passed = loop.settle()
        #expect(passed < 6_000, "\(passed) ms")
        #expect(loop.need > 0.88 && loop.need <= 1, "\(loop.need) busy in rounds of \(loop.batching.milliseconds) ms")
    }

    @Test("A round that became shorter is never late for it", arguments: [0.0, 0.3, 0.6, 0.8])
    func safe(base: Double) {
        var loop = Loop(base: base, round: 12)
        for _ in 0..<20 { loop.batching.delayed(excess: 9, load: 1_000, busy: 1) }
        for _ in 0..<400 {
            loop.step(max(50, loop.batching.milliseconds))
            #expect(loop.need <= 1)
        }
    }

    @Test("Rounds don't grow while the loop has a tenth of its time left")
    func notBefore() {
        var batching = AdaptiveBatching()
        batching.delayed(excess: 3, load: 1_000, busy: 0.89)
        #expect(batching.milliseconds == 0)
        batching.delayed(excess: 3, load: 1_000, busy: 0.9)
        #expect(batching.milliseconds == 5)
        batching.delayed(excess: 3, load: 1_000, busy: 0.89)
        #expect(batching.milliseconds == 5)
    }

    @Test("They grow by as much as they are late, and stop where the heaviest source is looked for")
    func growth() {
        var batching = AdaptiveBatching()
        var lengths: [Int] = []
        for excess in [2.0, 1.1, 20, 1.1, 1.5, 20, 20, 20] {
            batching.delayed(excess: excess, load: 1_000, busy: 1)
            lengths.append(batching.milliseconds)
        }
        #expect(lengths == [5, 7, 10, 13, 20, 80, 80, 80])
    }

    @Test("While a source is limited, rounds that all bear become shorter before it gets anything back")
    func othersFirst() {
        var controller = InnerController()
        while !controller.batching.isLongest {
            controller.windowEnded(delayMicroseconds: 400_000, busy: 1, elapsed: 50)
        }
        // One of two has nearly all of the worker's time.
        func work() {
            for (number, nanoseconds) in [(1, 48_000_000), (2, 100_000)] {
                let key = SourceLedger.Key.connection(worker: 0, socketKey: UInt64(number))
                controller.turns.worked(nanoseconds, by: key, (nil, nil))
            }
            controller.turns.passed(milliseconds: 50)
        }
        for _ in 0..<4 {
            work()
            controller.windowEnded(delayMicroseconds: 400_000, busy: 1, elapsed: 50)
        }
        #expect(controller.turns.isLimiting)
        let admitted = controller.turns.heaviestAdmitted
        var windows = 0
        while controller.batching.milliseconds > AdaptiveBatching.fairMilliseconds, windows < 200 {
            work()
            controller.windowEnded(delayMicroseconds: 0, busy: 0.5, elapsed: 120)
            #expect(controller.turns.heaviestAdmitted == admitted)
            windows += 1
        }
        #expect(windows < 60)
        for _ in 0..<40 { controller.windowEnded(delayMicroseconds: 0, busy: 0.5, elapsed: 50) }
        #expect(!controller.turns.isLimiting)
    }

    @Test("Who makes the work is measured for a second after something was late, and before rounds become longer")
    func looking() {
        var controller = InnerController()
        #expect(!controller.watchesSources)
        for _ in 0..<3 { controller.windowEnded(delayMicroseconds: 12_000, busy: 1, elapsed: 50) }
        #expect(controller.batching.milliseconds == AdaptiveBatching.fairMilliseconds && controller.watchesSources)
        for _ in 0..<19 { controller.windowEnded(delayMicroseconds: 0, busy: 0.95, elapsed: 50) }
        #expect(controller.watchesSources)
        controller.windowEnded(delayMicroseconds: 0, busy: 0.95, elapsed: 50)
        #expect(!controller.watchesSources)
        controller.windowEnded(delayMicroseconds: 30_000, busy: 1, elapsed: 50)
        #expect(controller.watchesSources)
        #expect(controller.batching.milliseconds == AdaptiveBatching.fairMilliseconds)
        controller.windowEnded(delayMicroseconds: 30_000, busy: 1, elapsed: 50)
        #expect(controller.batching.milliseconds > AdaptiveBatching.fairMilliseconds)
    }
}
