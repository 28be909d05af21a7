/// Deadlines of many small-numbered things (connections by their slot) at a cost that does not grow with their number.
///
/// A hashed timing wheel (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6): a deadline is
/// rounded up to a tick, ticks share 512 buckets, and each bucket is a doubly linked list threaded through one array
/// that is indexed by id. Scheduling and cancelling touch two neighbours; advancing looks at one bucket per tick.
///
/// - Time is in milliseconds of one monotonic clock, from 0 up. The wheel never reads a clock.
/// - A deadline never fires early, and at most one tick late if the wheel is advanced at every tick.
/// - 12 bytes per id up to the highest one ever scheduled; the array grows with new ids only, so nothing is allocated
///   once every slot has been used.
/// - Owned by one thread.
package struct TimerWheel {
    /// One id's place in its bucket's list. `due` is a tick; `Self.idle` marks an id that is not scheduled.
    private struct Entry {
        var next: UInt32
        var previous: UInt32
        var due: UInt32
    }

    /// Power of two. 512 ticks of 250 ms are 128 s, more than the usual heartbeat timeout: most deadlines are met in
    /// their first round.
    private static let bucketCount = 512
    /// No id: the end of a list.
    private static let none = UInt32.max
    private static let idle = UInt32.max
    /// The last tick there is: after 34 years at 250 ms.
    private static let tickMax = Int(UInt32.max) - 1

    /// The width of a tick in milliseconds.
    package let tickMilliseconds: Int
    /// How many ids are scheduled.
    package private(set) var count = 0

    private var entries: [Entry] = []
    private var heads: [UInt32]
    /// The newest tick whose bucket has been, or is being, emptied of what is due.
    private var currentTick: Int
    /// The next id to look at in the bucket of `currentTick`.
    private var cursor = Self.none

    /// An empty wheel.
    ///
    /// - Parameters:
    ///   - start: the clock's present milliseconds; what is scheduled for earlier fires at the next tick.
    ///   - tickMilliseconds: how coarse deadlines are, from 1. The default of 250 ms is small against heartbeats of
    ///     seconds and wakes an idle thread four times a second only.
    package init(start: Int = 0, tickMilliseconds: Int = 250) {
        precondition(tickMilliseconds > 0 && start >= 0)
        self.tickMilliseconds = tickMilliseconds
        self.currentTick = start / tickMilliseconds
        self.heads = Array(repeating: Self.none, count: Self.bucketCount)
    }

    /// Whether the id has a deadline.
    package func isScheduled(_ id: UInt32) -> Bool {
        Int(id) < entries.count && entries[Int(id)].due != Self.idle
    }

    /// Sets the id's one deadline, replacing the one it may have. A deadline in the past fires at the next tick.
    ///
    /// - Parameter id: a small number (memory grows with the highest); `UInt32.max` is reserved.
    package mutating func schedule(_ id: UInt32, at dueMilliseconds: Int) {
        precondition(id != Self.none)
        if Int(id) >= entries.count {
            grow(toHold: id)
        }
        if entries[Int(id)].due != Self.idle {
            unlink(id)
        }
        // Rounded up, so that it never fires early; the division comes first, so that no deadline overflows.
        let (whole, rest) = max(dueMilliseconds, 0).quotientAndRemainder(dividingBy: tickMilliseconds)
        let due = min(max(rest == 0 ? whole : whole + 1, currentTick + 1), Self.tickMax)
        let head = heads[due & (Self.bucketCount - 1)]
        entries[Int(id)] = Entry(next: head, previous: Self.none, due: UInt32(due))
        if head != Self.none {
            entries[Int(head)].previous = id
        }
        heads[due & (Self.bucketCount - 1)] = id
        count += 1
    }

    /// Takes the id's deadline away; nothing happens if it has none.
    package mutating func cancel(_ id: UInt32) {
        if isScheduled(id) {
            unlink(id)
        }
    }

    /// Takes out one id whose deadline has come, or answers nil when there is none left up to `now`.
    ///
    /// Called in a loop until nil. Between two calls anything may be scheduled or cancelled, also the id just taken.
    /// Earlier ticks come first, unless more than 512 ticks passed at once; the order within a tick is not defined.
    package mutating func popDue(at now: Int) -> UInt32? {
        let target = now / tickMilliseconds
        while true {
            while cursor != Self.none {
                let id = cursor
                // Of later rounds there are others in the same bucket.
                if Int(entries[Int(id)].due) <= currentTick {
                    unlink(id)
                    return id
                }
                cursor = entries[Int(id)].next
            }
            guard currentTick < target else { return nil }
            // After a long pause each bucket is looked at once, not once for each round that was missed.
            currentTick = max(currentTick, target - Self.bucketCount) + 1
            cursor = heads[currentTick & (Self.bucketCount - 1)]
        }
    }

    /// Takes out every id whose deadline has come up to `now` and hands each to `fire`, once.
    ///
    /// `fire` may schedule and cancel through the wheel that it is handed. One whose owner holds the wheel in a class
    /// uses a loop over `popDue(at:)` instead, as the wheel is exclusively accessed during this call.
    package mutating func advance(to now: Int, _ fire: (inout TimerWheel, UInt32) -> Void) {
        while let id = popDue(at: now) {
            fire(&self, id)
        }
    }

    /// As `advance(to:_:)` for a `fire` that needs no access to the wheel.
    package mutating func advance(to now: Int, _ fire: (UInt32) -> Void) {
        while let id = popDue(at: now) {
            fire(id)
        }
    }

    /// When the earliest deadline will fire, in milliseconds (a tick's time), or nil when nothing is scheduled.
    ///
    /// Looks at buckets in the order of their ticks up to the first hit; at all ids when every deadline is
    /// over 512 ticks away. For tests and idle detection, not for each turn of a loop.
    package var nextDue: Int? {
        guard count > 0 else { return nil }
        var earliest = Int.max
        for tick in (currentTick + 1)...(currentTick + Self.bucketCount) {
            var id = heads[tick & (Self.bucketCount - 1)]
            while id != Self.none {
                earliest = min(earliest, Int(entries[Int(id)].due))
                id = entries[Int(id)].next
            }
            if earliest <= tick {
                break
            }
        }
        return earliest * tickMilliseconds
    }

    private mutating func grow(toHold id: UInt32) {
        let idleEntry = Entry(next: Self.none, previous: Self.none, due: Self.idle)
        entries.append(contentsOf: repeatElement(idleEntry, count: Int(id) + 1 - entries.count))
    }

    private mutating func unlink(_ id: UInt32) {
        let entry = entries[Int(id)]
        if cursor == id {
            cursor = entry.next
        }
        if entry.previous == Self.none {
            heads[Int(entry.due) & (Self.bucketCount - 1)] = entry.next
        } else {
            entries[Int(entry.previous)].next = entry.next
        }
        if entry.next != Self.none {
            entries[Int(entry.next)].previous = entry.previous
        }
        entries[Int(id)].due = Self.idle
        count -= 1
        assert(count >= 0, "more timers were taken out than put in")
    }
}
