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
        var elements: FIFO<Element>
        var credit = 0
        var isStopped: Bool
    }

    /// Turns in which a line that took too much at once has none, at most.
    private static var missedTurnsMax: Int { 8 }

    private let quantum: Int
    private var lines: [Key: Line] = [:]
    /// Lines that are not stopped, in the order of their turns; the first one has its turn.
    private var turns = FIFO<Key>()
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
        guard lines[key]?.elements.append(element) == nil else { return }
        var line = Line(elements: spare, isStopped: isStopped)
        spare = FIFO()
        line.elements.append(element)
        lines[key] = line
        if !isStopped { turns.append(key) }
    }

    /// The line whose turn it is; nil when none is due.
    package mutating func nextKey() -> Key? {
        while let key = turns.first, let line = lines[key] {
            if !isTurnBegun {
                lines[key]?.credit += quantum
                isTurnBegun = true
                if line.credit + quantum > 0 { return key }
            } else if line.credit > 0 {
                return key
            }
            endTurn()
            turns.append(key)
        }
        return nil
    }

    /// Takes the first element of the line whose turn it is. What it costs must be charged.
    package mutating func popFirst() -> (key: Key, element: Element)? {
        guard let key = nextKey(), let element = lines[key]?.elements.popFirst() else { return nil }
        count -= 1
        if lines[key]?.elements.isEmpty == true {
            endTurn()
            if let line = lines.removeValue(forKey: key) { spare = line.elements }
        }
        return (key, element)
    }

    /// The last element of this line cost so much; nothing, if nobody waits there any more.
    package mutating func charge(_ cost: Int, to key: Key) {
        guard let credit = lines[key]?.credit else { return }
        lines[key]?.credit = max(credit - cost, -quantum * Self.missedTurnsMax)
    }

    /// The line that `nextKey` gave has no turns before `resume`.
    package mutating func stopFirst() {
        guard let key = turns.first else { return }
        endTurn()
        lines[key]?.isStopped = true
    }

    /// A line has turns again, behind the others; nothing, if it was not stopped.
    package mutating func resume(_ key: Key) {
        guard lines[key]?.isStopped == true else { return }
        lines[key]?.isStopped = false
        turns.append(key)
    }

    private mutating func endTurn() {
        turns.removeFirst()
        isTurnBegun = false
    }
}
