import Overload
import TestSupport
import Testing

/// The inner controller against a worker with a queue, whose work grows with its writes.
struct InnerControllerTests {
    /// A worker that can do 16,000 messages per second one by one; in rounds of a window, the writes of a message
    /// shrink to those that a window has at most.
    private struct Worker {
        static let windowMilliseconds = InnerController.windowMilliseconds
        /// Microseconds of one message without its writes, of a refusal, and of the ten writes of a message.
        var messageCost = 6.0
        var refusalCost = 1.0
        let writesCost = 55.0
        let connections = 2000.0
        var queue = 0.0
        var controller = InnerController()
        private(set) var done = 0
        private(set) var refused = 0
        private(set) var delay = 0.0

        mutating func runWindow(offered: Double) {
            let milliseconds = Double(Self.windowMilliseconds)
            var budget = milliseconds * 1000
            queue += offered
            let before = queue
            let round = Double(controller.batching.milliseconds)
            // At most one write per connection and round.
            var writesLeft = round > 0 ? connections * milliseconds / round * 5.5 : .infinity
            while queue >= 1, budget > 0 {
                queue -= 1
                if controller.admission.admits(.messages) {
                    let writes = min(writesCost, max(0, writesLeft))
                    writesLeft -= writes
                    budget -= messageCost + writes
                    done += 1
                } else {
                    budget -= refusalCost
                    refused += 1
                }
            }
            delay = queue / max(before - queue, 1) * milliseconds * 1000
            let busy = 1 - max(0, budget) / (milliseconds * 1000)
            controller.windowEnded(
                delayMicroseconds: Int(delay), busy: busy, elapsed: Self.windowMilliseconds)
        }
    }

    private let capacity = 16.0 * Double(InnerController.windowMilliseconds)

    @Test func withoutAQueueNothingIsDone() {
        var worker = Worker()
        for _ in 0..<200 { worker.runWindow(offered: capacity * 0.7) }
        #expect(worker.controller.batching.milliseconds == 0 && worker.refused == 0)
    }

    @Test func whatBatchingCanCarryIsNotShed() {
        var worker = Worker()
        for _ in 0..<20 { worker.runWindow(offered: capacity * 2) }
        #expect(worker.controller.batching.milliseconds > 0)
        #expect(worker.refused == 0)
        let done = worker.done
        for _ in 0..<100 { worker.runWindow(offered: capacity * 2) }
        #expect(Double(worker.done - done) >= capacity * 2 * 99)
    }

    @Test(arguments: [8.0, 15, 25])
    func moreThanThatIsShedAndWhatIsAdmittedDoesNotWait(factor: Double) {
        var worker = Worker()
        var random = SplitMix64(seed: 7)
        var delays: [Double] = []
        for window in 0..<400 {
            worker.runWindow(offered: capacity * factor * Double.random(in: 0.8...1.2, using: &random))
            if window >= 40 { delays.append(worker.delay) }
        }
        #expect(Double(worker.done) >= capacity * 400 * 0.8)
        if factor > 8 { #expect(worker.controller.batching.isLongest && worker.refused > 0) }
        let p95 = delays.sorted()[delays.count * 95 / 100]
        #expect(p95 < 80_000, "\(factor)x: \(p95) µs")
    }

    @Test func aStepIsAnsweredWithin200Milliseconds() {
        var worker = Worker()
        for _ in 0..<40 { worker.runWindow(offered: capacity * 0.5) }
        var windows = 0
        while worker.controller.batching.milliseconds == 0, windows < 100 {
            worker.runWindow(offered: capacity * 4)
            windows += 1
        }
        #expect(windows * InnerController.windowMilliseconds <= 200)
    }

    @Test func theEndOfALoadIsSeenWithinTwoSeconds() {
        var worker = Worker()
        for _ in 0..<200 { worker.runWindow(offered: capacity * 40) }
        #expect(worker.controller.admission.isShedding)
        var windows = 0
        while worker.controller.admission.share(of: .messages) < 1, windows < 1000 {
            worker.runWindow(offered: capacity * 0.5)
            windows += 1
        }
        #expect(windows * InnerController.windowMilliseconds <= 2000)
        while worker.controller.batching.milliseconds > 0, windows < 1000 {
            worker.runWindow(offered: capacity * 0.5)
            windows += 1
        }
        #expect(windows * InnerController.windowMilliseconds <= 5000)
    }

    @Test func aWindowThatIsNecessaryIsKeptAndTriedShorterLessAndLessOften() {
        var worker = Worker()
        var changes = 0
        var last = 0
        // Ten minutes of a constant load.
        for _ in 0..<(600_000 / InnerController.windowMilliseconds) {
            worker.runWindow(offered: capacity * 2)
            if worker.controller.batching.milliseconds != last { changes += 1 }
            last = worker.controller.batching.milliseconds
        }
        #expect(changes <= 30, "\(changes) changes")
        #expect(last > 0)
    }

    @Test func anIdleLoopHasNothingToShed() {
        var controller = InnerController()
        controller.windowEnded(delayMicroseconds: nil, busy: 0, elapsed: 250)
        #expect(!controller.admission.isShedding && controller.batching.milliseconds == 0)
    }
}
