import Core

/// Lines of those who wait, one for each key, that take turns by what they cost: deficit round robin (M. Shreedhar,
/// G. Varghese: "Efficient Fair Queuing Using Deficit Round-Robin", SIGCOMM 1995).
///
/// A line that has its turn goes on until it has used up its credit, of which each turn brings a `quantum`; what it
/// took beyond that it lacks in its next one. So a line with a thousand elements, or with dear ones, gets as much as
/// one with few and cheap ones while both have something to do, and all there is while nobody else has. Each operation
/// takes constant time, over many calls.
///
/// A value; bound and thread: the owner's.
package struct FairLines<Key: Hashable, Element> {
    private struct Line {
        var key: Key
        var elements: FIFO<Element>
        var credit = 0
        var isStopped: Bool
    }

    /// Turns in which a line that took too much at once has none, at most.
    private static var missedTurnsMax: Int { 8 }
    /// Places that stay when no line is left.
    private static var idlePlacesMax: Int { 64 }

    private let quantum: Int
    /// By place. What stands in free places means nothing, and has no elements.
    private var lines: ContiguousArray<Line> = []
    /// Where the line of each key is that has elements.
    private var places: [Key: Int] = [:]
    private var freePlaces: [Int] = []
    /// The places of lines that are not stopped, in the order of their turns; the first one has its turn. So a turn
    /// looks for no key.
    private var turns = FIFO<Int>()
    /// The first one was given its quantum.
    private var isTurnBegun = false
    /// The memory of a line that became empty, for the next one.
    private var spare = FIFO<Element>()
    /// Elements in all lines.
    package private(set) var count = 0

    /// - Parameter quantum: what a turn of a line may cost, above 0, in whatever unit `charge` has.
    package init(quantum: Int) { self.quantum = quantum }

    package var isEmpty: Bool { count == 0 }
    /// Whether a line has its turn; false when all are stopped or empty.
    package var isAnyDue: Bool { !turns.isEmpty }

    /// Puts an element at the end of the line of `key`.
    /// - Parameter isStopped: whether a line that begins with it has no turns before `resume`.
    package mutating func append(_ element: Element, to key: Key, isStopped: Bool = false) {
        count += 1
        if let place = places[key] {
            lines[place].elements.append(element)
            return
        }
        var line = Line(key: key, elements: spare, isStopped: isStopped)
        spare = FIFO()
        line.elements.append(element)
        let place = freePlaces.popLast() ?? lines.count
        if place < lines.count { lines[place] = line } else { lines.append(line) }
        places[key] = place
        if !isStopped { turns.append(place) }
    }

    /// The line whose turn it is; nil when none is due.
    package mutating func nextKey() -> Key? { nextPlace().map { lines[$0].key } }

    private mutating func nextPlace() -> Int? {
        while let place = turns.first {
            if !isTurnBegun {
                lines[place].credit += quantum
                isTurnBegun = true
            }
            if lines[place].credit > 0 { return place }
            endTurn()
            turns.append(place)
        }
        return nil
    }

    /// Takes the first element of the line whose turn it is. What it costs must be charged.
    package mutating func popFirst() -> (key: Key, element: Element)? {
        guard let place = nextPlace(), let element = lines[place].elements.popFirst() else { return nil }
        let key = lines[place].key
        count -= 1
        if lines[place].elements.isEmpty { remove(key, at: place) }
        return (key, element)
    }

    /// The line has its turn, and nobody waits there any more.
    private mutating func remove(_ key: Key, at place: Int) {
        endTurn()
        (spare, lines[place].elements) = (lines[place].elements, FIFO())
        places[key] = nil
        freePlaces.append(place)
        // Many addresses may have waited once.
        if places.isEmpty, lines.count > Self.idlePlacesMax { (lines, freePlaces, places) = ([], [], [:]) }
    }

    /// The last element of this line cost so much; nothing, if nobody waits there any more.
    package mutating func charge(_ cost: Int, to key: Key) {
        guard let place = places[key] else { return }
        lines[place].credit = max(lines[place].credit - cost, -quantum * Self.missedTurnsMax)
    }

    /// The line that `nextKey` gave has no turns before `resume`.
    package mutating func stopFirst() {
        guard let place = turns.first else { return }
        endTurn()
        lines[place].isStopped = true
    }

    /// A line has turns again, behind the others; nothing, if it was not stopped.
    package mutating func resume(_ key: Key) {
        guard let place = places[key], lines[place].isStopped else { return }
        lines[place].isStopped = false
        turns.append(place)
    }

    private mutating func endTurn() {
        turns.removeFirst()
        isTurnBegun = false
    }
}
