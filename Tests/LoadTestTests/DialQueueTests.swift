import Testing

@testable import load_test

@Suite("Whom a loading process dials next")
struct DialQueueTests {
    /// Takes all that may be dialled now.
    private func taken(_ queue: inout DialQueue) -> [Int] {
        var locals: [Int] = []
        while let local = queue.takeNext() { locals.append(local) }
        return locals
    }

    /// Time passes; then all that may be dialled, or nil when nobody waited.
    private func released(_ queue: inout DialQueue, at now: Int) -> [Int]? {
        queue.release(at: now) ? taken(&queue) : nil
    }

    @Test("Those that come back go before those that were never dialled")
    func order() {
        var queue = DialQueue()
        #expect(queue.isEmpty && !queue.isStarted)
        queue.start(count: 3)
        #expect(queue.isStarted && queue.hasNext)
        let first = queue.takeNext()
        queue.add(0)
        let others = taken(&queue)
        #expect(first == 0 && others == [0, 1, 2])
        #expect(queue.isEmpty && queue.isStarted)
    }

    @Test("Who must wait is not dialled before the time has come, and keeps the queue from being empty")
    func waiting() {
        var queue = DialQueue()
        queue.add(7, notBefore: 100)
        queue.add(8, notBefore: 101)
        #expect(!queue.hasNext && !queue.isEmpty)
        let early = released(&queue, at: 99)
        let first = released(&queue, at: 100)
        #expect(early == [] && first == [7] && !queue.isEmpty)
        let second = released(&queue, at: 101)
        #expect(second == [8] && queue.isEmpty)
        let late = released(&queue, at: 200)
        #expect(late == nil)
    }

    @Test("After a stop only those come that wait")
    func stop() {
        var queue = DialQueue()
        queue.start(count: 5)
        queue.add(3)
        queue.add(4, notBefore: 10)
        queue.stop()
        #expect(!queue.hasNext && !queue.isStarted && !queue.isEmpty)
        let left = released(&queue, at: 10)
        #expect(left == [4])
    }
}
