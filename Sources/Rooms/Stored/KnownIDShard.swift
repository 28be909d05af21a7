/// A part of the ids that a worker knows: a ring in the order of the commits, and an open-addressing table of places in
/// it (linear probing, backward-shift deletion).
struct KnownIDShard {
    private struct Entry {
        var high: UInt64
        var low: UInt32
        var seq: UInt32
        /// Milliseconds since `base.at`, and by how much the wall clock has moved against it since.
        var age: UInt32
        var drift: Int32
    }

    /// No id is known for longer: 24 days.
    static let ageMax = Int(Int32.max)
    private static let unused = UInt32.max
    /// Places that an empty shard keeps.
    private static let idleMax = 64

    private let countMax: Int
    /// The oldest entry at `head`, the next ones behind it and around the end. It grows by a quarter, as free places
    /// are memory, too.
    private var ring: ContiguousArray<Entry> = []
    private var head = 0
    private(set) var count = 0
    /// By the hash's low bits: places in the ring. At most three quarters are used.
    private var slots: ContiguousArray<UInt32> = []
    /// The loop's and the wall clock's time that the entries count from.
    private var base: (at: Int, unix: Int)?

    init(countMax: Int) { self.countMax = min(max(countMax, 1), Int(UInt32.max) / 2) }

    var byteCount: Int { ring.capacity * MemoryLayout<Entry>.stride + slots.capacity * MemoryLayout<UInt32>.stride }

    func find(_ key: KnownIDs.Key) -> (seq: UInt32, time: Int)? {
        guard count > 0, let base else { return nil }
        let place = slots[slot(of: key)]
        guard place != Self.unused else { return nil }
        let entry = ring[Int(place)]
        return (entry.seq, base.unix + Int(entry.age) + Int(entry.drift))
    }

    /// - Returns: when the id was committed that had to be forgotten before its time, if one had to.
    mutating func insert(_ key: KnownIDs.Key, seq: UInt32, time: Int, at now: Int) -> Int? {
        if count > 0, slots[slot(of: key)] != Self.unused { return nil }
        expire(before: now - Self.ageMax)
        var forgotten: Int?
        if count >= countMax {
            forgotten = oldestAt
            forgetOldest()
        }
        let base = moveBase(time: time, at: now)
        if count == ring.count { growRing() }
        var place = head + count
        if place >= ring.count { place -= ring.count }
        let age = now - base.at
        ring[place] = Entry(
            high: key.high, low: key.low, seq: seq, age: UInt32(clamping: age),
            drift: Int32(clamping: time - base.unix - age))
        count += 1
        if count * 4 > slots.count * 3 {
            growSlots()
        } else {
            slots[slot(of: key)] = UInt32(place)
        }
        return forgotten
    }

    mutating func expire(before time: Int) {
        while let at = oldestAt, at < time { forgetOldest() }
        if count == 0, ring.count > Self.idleMax { (ring, slots, head, base) = ([], [], 0, nil) }
    }

    private var oldestAt: Int? {
        guard count > 0, let base else { return nil }
        return base.at + Int(ring[head].age)
    }

    /// The time that entries count from. It begins anew with an empty ring, and after 49 days without one with the
    /// oldest entry.
    private mutating func moveBase(time: Int, at now: Int) -> (at: Int, unix: Int) {
        guard let base, count > 0 else {
            let begun = (now, time)
            self.base = begun
            return begun
        }
        guard now - base.at > Int(UInt32.max), let oldest = oldestAt else { return base }
        let step = oldest - base.at
        for index in 0..<count {
            let place = (head + index) % ring.count
            ring[place].age -= UInt32(step)
        }
        let moved = (at: base.at + step, unix: base.unix + step)
        self.base = moved
        return moved
    }

    private mutating func forgetOldest() {
        empty(slot(ofPlace: head))
        head = head + 1 == ring.count ? 0 : head + 1
        count -= 1
    }

    // MARK: The ring

    private mutating func growRing() {
        var grown = ContiguousArray<Entry>()
        let size = min(ring.count + max(ring.count / 4, 8), countMax)
        grown.reserveCapacity(size)
        grown += ring[head...]
        grown += ring[..<head]
        grown += repeatElement(Entry(high: 0, low: 0, seq: 0, age: 0, drift: 0), count: size - grown.count)
        let moved = head
        let former = ring.count
        ring = grown
        head = 0
        // Everybody's place has moved.
        guard moved > 0 else { return }
        for index in slots.indices where slots[index] != Self.unused {
            let place = Int(slots[index])
            slots[index] = UInt32(place >= moved ? place - moved : place + former - moved)
        }
    }

    // MARK: The slots

    private func home(_ high: UInt64) -> Int { Int(truncatingIfNeeded: high) & (slots.count - 1) }

    /// The slot of a key, or the one in which it would stand.
    private func slot(of key: KnownIDs.Key) -> Int {
        var slot = home(key.high)
        while slots[slot] != Self.unused {
            let entry = ring[Int(slots[slot])]
            if entry.high == key.high, entry.low == key.low { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func slot(ofPlace place: Int) -> Int {
        var slot = home(ring[place].high)
        while slots[slot] != UInt32(place) { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private mutating func growSlots() {
        slots = ContiguousArray(repeating: Self.unused, count: max(slots.count * 2, 16))
        for index in 0..<count {
            let place = head + index < ring.count ? head + index : head + index - ring.count
            var slot = home(ring[place].high)
            while slots[slot] != Self.unused { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(place)
        }
    }

    /// Frees a slot. Whoever stands behind it and was pushed past it moves up, so that no search stops too early.
    private mutating func empty(_ slot: Int) {
        var hole = slot
        var next = (hole + 1) & (slots.count - 1)
        while slots[next] != Self.unused {
            let wanted = home(ring[Int(slots[next])].high)
            if (next - wanted) & (slots.count - 1) >= (next - hole) & (slots.count - 1) {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & (slots.count - 1)
        }
        slots[hole] = Self.unused
    }
}
