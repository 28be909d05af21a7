/// A queue: elements leave in the order in which they came, and index 0 is the oldest.
///
/// A ring of places, as many as a power of two, which doubles when it is full: every operation takes constant time,
/// over many calls for `append`. A place lets go of its element at once when it is taken.
///
/// Bound: the owner's. Places stay for later elements; only a queue that becomes empty gives more than `idlePlacesMax`
/// back. Thread: its owner's.
@frozen
public struct FIFO<Element> {
    /// Places that an empty queue keeps: enough for a turn of a busy loop, and little for a queue that was long once.
    @inlinable public static var idlePlacesMax: Int { 4096 }

    /// The elements, the oldest at `head`, the next ones behind it and around the end; nil where there is none.
    @usableFromInline var places: ContiguousArray<Element?> = []
    @usableFromInline var head = 0
    @usableFromInline var length = 0

    @inlinable public init() {}

    @inlinable public mutating func append(_ element: Element) {
        if length == places.count { grow() }
        places[place(of: length)] = element
        length += 1
    }

    /// Takes the oldest element; nil when there is none.
    @inlinable public mutating func popFirst() -> Element? {
        guard length > 0 else { return nil }
        let first = places[head].take()
        head = place(of: 1)
        length -= 1
        if length == 0 { becomeIdle() }
        return first
    }

    /// Takes the oldest element. The queue must not be empty.
    @inlinable @discardableResult public mutating func removeFirst() -> Element {
        guard let first = popFirst() else { preconditionFailure("an empty queue has no first element") }
        return first
    }

    /// Lets go of all elements.
    /// - Parameter isKept: whether the places stay, whatever their number.
    @inlinable public mutating func removeAll(keepingCapacity isKept: Bool = false) {
        guard isKept else { return self = FIFO() }
        for index in indices { places[place(of: index)] = nil }
        head = 0
        length = 0
    }

    @inlinable @inline(__always) func place(of index: Int) -> Int { (head &+ index) & (places.count &- 1) }

    @inlinable mutating func grow() {
        var more = ContiguousArray<Element?>()
        more.reserveCapacity(Swift.max(places.count * 2, 4))
        more += places[head...]
        more += places[..<head]
        more += repeatElement(nil, count: Swift.max(places.count, 4))
        places = more
        head = 0
    }

    @inlinable mutating func becomeIdle() {
        head = 0
        if places.count > Self.idlePlacesMax { places = [] }
    }
}

extension FIFO: RandomAccessCollection, MutableCollection {
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { length }
    /// The oldest element; nil when there is none.
    @inlinable public var first: Element? { length > 0 ? places[head] : nil }

    /// - Parameter index: counted from the oldest element.
    @inlinable public subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < length, "the queue has no such element")
            return places[place(of: index)]!
        }
        _modify {
            precondition(index >= 0 && index < length, "the queue has no such element")
            yield &places[place(of: index)]!
        }
    }
}

extension FIFO: Sendable where Element: Sendable {}
