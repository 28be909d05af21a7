import Core

/// Open-addressing hash table keyed by each element's own id (linear probing, backward-shift deletion). It takes 12–24
/// bytes per element. A dictionary keeps each id a second time and takes 32–64.
///
/// Each slot has a mark beside it, a byte of its element's hash. A search compares ids only where the mark fits: at the
/// right element, and at one in 128 others.
///
/// Ids are hashed with the process' random seed, so that nobody outside can choose ids that collide. An element's id
/// must not change. The table stands in the module that uses it, so that the compiler specialises it.
struct IdentifierTable<Element: Identifiable> where Element.ID == Identifier {
    /// A power of two of slots, at most three quarters of them in use.
    private var slots: ContiguousArray<Element?> = ContiguousArray(repeating: nil, count: 16)
    /// The marks of the slots: 0 for an empty one, else seven bits of the hash and the highest bit.
    private var marks: ContiguousArray<UInt8> = ContiguousArray(repeating: 0, count: 16)
    private var used = 0

    init() {}

    var count: Int { used }

    /// The element with that id. Setting nil removes it; setting another one replaces it.
    subscript(id: Identifier) -> Element? {
        get { slots[place(of: id, hash(id))] }
        set {
            let hash = hash(id)
            let place = place(of: id, hash)
            guard let newValue else {
                if marks[place] != 0 { empty(place) }
                return
            }
            let isNew = marks[place] == 0
            slots[place] = newValue
            marks[place] = mark(hash)
            if isNew { rose() }
        }
    }

    /// All elements, in no order.
    var all: [Element] { part(0, of: 1) }

    /// The elements of one of so many parts of the table, in no order. Those of all parts are all elements, unless some
    /// come or go in between: then one may move into a part that was taken before.
    func part(_ index: Int, of count: Int) -> [Element] {
        slots[slots.count * index / count..<slots.count * (index + 1) / count].compactMap { $0 }
    }

    private func hash(_ id: Identifier) -> Int {
        var hasher = Hasher()
        id.hash(into: &hasher)
        return hasher.finalize()
    }

    /// The slot in which a search begins; the mark is made of other bits.
    private func home(_ hash: Int) -> Int { hash & (slots.count - 1) }
    private func mark(_ hash: Int) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) | 0x80 }

    /// The slot of the id, or the one in which it would be inserted.
    private func place(of id: Identifier, _ hash: Int) -> Int {
        var place = home(hash)
        let wanted = mark(hash)
        while marks[place] != 0 {
            if marks[place] == wanted, let element = slots[place], element.id == id { return place }
            place = (place + 1) & (slots.count - 1)
        }
        return place
    }

    private mutating func rose() {
        used += 1
        guard used * 4 > slots.count * 3 else { return }
        let former = slots
        slots = ContiguousArray(repeating: nil, count: former.count * 2)
        marks = ContiguousArray(repeating: 0, count: former.count * 2)
        for case let element? in former {
            let hash = hash(element.id)
            let place = place(of: element.id, hash)
            slots[place] = element
            marks[place] = mark(hash)
        }
    }

    /// Takes out what is in a slot. Whoever stands behind it and was pushed past it moves up, so that no search stops
    /// too early.
    private mutating func empty(_ place: Int) {
        used -= 1
        assert(used >= 0, "more elements were taken out than put in")
        var hole = place
        var next = (hole + 1) & (slots.count - 1)
        while let element = slots[next] {
            let wanted = home(hash(element.id))
            if (next - wanted) & (slots.count - 1) >= (next - hole) & (slots.count - 1) {
                slots[hole] = element
                marks[hole] = marks[next]
                hole = next
            }
            next = (next + 1) & (slots.count - 1)
        }
        slots[hole] = nil
        marks[hole] = 0
    }
}
