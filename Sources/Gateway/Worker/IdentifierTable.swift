import Foundations

/// What can be kept in an `IdentifierTable`: it knows its name, which does not change.
protocol Named {
    var id: Identifier { get }
}

/// Things by name, where the things know their names: an open-addressing table of single references (linear probing,
/// backward-shift deletion). It takes 12–24 bytes per thing, where a dictionary, which keeps each name a second time,
/// takes 32–64.
///
/// Each slot has a mark beside it, a byte of its thing's hash: a search looks at names only where the mark is right,
/// which is where the name is, and once in 128 times where it is not.
///
/// Names are hashed with the process' random seed, so that nobody outside can choose names that meet. It stands in the
/// module that uses it, so that the compiler makes it for each type of things.
struct IdentifierTable<Element: Named> {
    /// A power of two of slots, at most three quarters of them in use.
    private var slots: ContiguousArray<Element?> = ContiguousArray(repeating: nil, count: 16)
    /// The marks of the slots: 0 for an empty one, else seven bits of the hash and the highest bit.
    private var marks: ContiguousArray<UInt8> = ContiguousArray(repeating: 0, count: 16)
    private var used = 0

    init() {}

    var count: Int { used }

    /// The thing of that name; setting nil forgets it, setting another one puts it in its place.
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

    /// All things, in no order.
    var all: [Element] { slots.compactMap { $0 } }

    private func hash(_ id: Identifier) -> Int {
        var hasher = Hasher()
        id.hash(into: &hasher)
        return hasher.finalize()
    }

    /// The slot in which a search begins; the mark is made of other bits.
    private func home(_ hash: Int) -> Int { hash & (slots.count - 1) }
    private func mark(_ hash: Int) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) | 0x80 }

    /// Where the name is, or would be.
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
