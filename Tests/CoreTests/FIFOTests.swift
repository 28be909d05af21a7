import Core
import TestSupport
import Testing

@Suite("Queues")
struct FIFOTests {
    @Test("Elements leave in the order in which they came")
    func order() {
        var queue = FIFO<Int>()
        #expect(queue.isEmpty && queue.first == nil && queue.popFirst() == nil)
        for number in 1...3 { queue.append(number) }
        #expect(queue.count == 3 && queue.first == 1 && queue.last == 3 && Array(queue) == [1, 2, 3])
        #expect(queue.removeFirst() == 1 && queue.popFirst() == 2 && Array(queue) == [3])
    }

    @Test("An element is let go of when it is taken, and all are when the queue is emptied", arguments: [false, true])
    func release(keepingCapacity: Bool) {
        final class Thing {}
        var queue = FIFO<Thing>()
        weak var first: Thing?
        weak var last: Thing?
        do {
            let things = (1...20).map { _ in Thing() }
            for thing in things { queue.append(thing) }
            (first, last) = (things.first, things.last)
        }
        #expect(first != nil && last != nil)
        queue.removeFirst()
        #expect(first == nil && last != nil)
        queue.removeAll(keepingCapacity: keepingCapacity)
        #expect(last == nil && queue.isEmpty)
    }

    @Test("A copy goes its own way")
    func copies() {
        var queue = FIFO<Int>()
        for number in 0..<6 { queue.append(number) }
        var copy = queue
        copy.removeFirst()
        copy[0] = 100
        copy.append(6)
        #expect(Array(queue) == [0, 1, 2, 3, 4, 5] && Array(copy) == [100, 2, 3, 4, 5, 6])
    }

    @Test("A queue goes on behind the most places that it keeps when it is empty")
    func idlePlaces() {
        for length in [FIFO<Int>.idlePlacesMax, FIFO<Int>.idlePlacesMax + 1] {
            var queue = FIFO<Int>()
            for round in 0..<2 {
                for number in 0..<length { queue.append(number + round) }
                for number in 0..<length { #expect(queue.popFirst() == number + round) }
                #expect(queue.isEmpty && queue.popFirst() == nil)
            }
        }
    }

    @Test("Random use does to a queue what it does to an array")
    func fuzz() {
        for seed in UInt64(1)...200 {
            var random = SplitMix64(seed: seed)
            var queue = FIFO<Int>()
            var model: [Int] = []
            // Phases that mostly fill and phases that mostly empty, so that the ring runs around its end at many sizes.
            for step in 0..<600 {
                let appends = (step / 60) % 2 == 0 ? 6 : 3
                switch Int(random.next() % 10) {
                case 0..<appends:
                    queue.append(step)
                    model.append(step)
                case 9 where !model.isEmpty:
                    let index = Int(random.next() % UInt64(model.count))
                    queue[index] += 1000
                    model[index] += 1000
                case 8 where random.next() % 64 == 0:
                    let isKept = random.next() % 2 == 0
                    queue.removeAll(keepingCapacity: isKept)
                    model.removeAll(keepingCapacity: isKept)
                default: #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()), "seed \(seed)")
                }
                #expect(
                    queue.count == model.count && queue.first == model.first && queue.elementsEqual(model)
                        && queue.suffix(3).elementsEqual(model.suffix(3)), "seed \(seed), step \(step)")
            }
        }
    }
}
