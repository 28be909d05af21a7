import TestSupport

/// The true time of a simulation, and its future events in order. Nothing in it waits.
final class SimulatedTime {
    private typealias Event = (time: Int, number: Int, action: () -> Void)

    /// Milliseconds.
    private(set) var now = 0
    var random: SplitMix64
    /// Called after each event.
    var afterEach: () -> Void = {}

    /// A heap: the next one first.
    private var events: [Event] = []
    private var number = 0

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    func any(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    /// True in `percent` of a hundred.
    func happens(_ percent: Int) -> Bool {
        any(1...100) <= percent
    }

    /// Lets `action` happen in so many milliseconds; what is due at one time happens in the order of the calls.
    func after(_ delay: Int, _ action: @escaping () -> Void) {
        number += 1
        events.append((now + delay, number, action))
        var place = events.count - 1
        while place > 0, precedes(place, (place - 1) / 2) {
            events.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Lets time pass up to `end`.
    func run(until end: Int) {
        while let first = events.first, first.time <= end {
            removeFirst()
            now = first.time
            first.action()
            afterEach()
        }
        now = end
    }

    private func removeFirst() {
        events.swapAt(0, events.count - 1)
        events.removeLast()
        var place = 0
        while true {
            let children = (2 * place + 1...2 * place + 2).filter { $0 < events.count }
            guard let least = children.min(by: precedes), precedes(least, place) else { return }
            events.swapAt(place, least)
            place = least
        }
    }

    private func precedes(_ one: Int, _ other: Int) -> Bool {
        (events[one].time, events[one].number) < (events[other].time, events[other].number)
    }
}
