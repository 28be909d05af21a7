import Foundations

/// What can be kept in an `IdentifierTable`: it knows its name, which does not change.
protocol Named {
    var id: Identifier { get }
}

/// Things by name, where the things know their names: an open-addressing table of single references (linear probing,
/// backward-shift deletion). It takes 11–21 bytes per thing, where a dictionary, which keeps each name a second time,
/// takes 32–64.
///
/// Names are hashed with the process' random seed, so that nobody outside can choose names that meet. It stands in the
/// module that uses it, so that the compiler makes it for each type of things.
struct IdentifierTable<Element: Named> {
    /// A power of two of slots, at most three quarters of them in use.
    private var slots: ContiguousArray<Element?> = ContiguousArray(repeating: nil, count: 16)
    private var used = 0

    init() {}

    var count: Int { used }

    /// The thing of that name; setting nil forgets it, setting another one puts it in its place.
    subscript(id: Identifier) -> Element? {
        get { slots[place(of: id)] }
        set {
            let place = place(of: id)
            guard let newValue else {
                if slots[place] != nil { empty(place) }
                return
            }
            let isNew = slots[place] == nil
            slots[place] = newValue
            if isNew { rose() }
        }
    }

    /// All things, in no order.
    var all: [Element] { slots.compactMap { $0 } }

    /// Where the name is, or would be.
    private func place(of id: Identifier) -> Int {
        var place = home(of: id)
        while let element = slots[place], element.id != id { place = (place + 1) & (slots.count - 1) }
        return place
    }

    private func home(of id: Identifier) -> Int {
        var hasher = Hasher()
        id.hash(into: &hasher)
        return hasher.finalize() & (slots.count - 1)
    }

    private mutating func rose() {
        used += 1
        guard used * 4 > slots.count * 3 else { return }
        let former = slots
        slots = ContiguousArray(repeating: nil, count: former.count * 2)
        for case let element? in former { slots[place(of: element.id)] = element }
    }

    /// Takes out what is in a slot. Whoever stands behind it and was pushed past it moves up, so that no search stops
    /// too early.
    private mutating func empty(_ place: Int) {
        used -= 1
        slots[place] = nil
        var hole = place
        var next = (hole + 1) & (slots.count - 1)
        while let element = slots[next] {
            let wanted = home(of: element.id)
            if (next - wanted) & (slots.count - 1) >= (next - hole) & (slots.count - 1) {
                slots[hole] = element
                slots[next] = nil
                hole = next
            }
            next = (next + 1) & (slots.count - 1)
        }
    }
}
