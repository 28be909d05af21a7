import Core

/// Elements in the order of their ids, so that a page of them costs its own length and not that of the whole.
///
/// Sorted runs of at most `runMax` elements, one behind the other: whoever comes or goes moves the elements of one run,
/// 8 bytes each. It refers to its elements and keeps no ids of its own. Bound: the owner's. An element's id must not
/// change. It stands in the module that uses it, so that the compiler specialises it.
struct OrderedIndex<Element: Identifiable> where Element.ID == Identifier {
    /// Elements of one run; a longer one is cut in two. A search compares some 8 ids within it.
    static var runMax: Int { 256 }

    /// None is empty.
    private var runs: ContiguousArray<ContiguousArray<Element>> = []
    private(set) var count = 0

    init() {}

    /// Takes in an element. One with its id must not be there.
    mutating func insert(_ element: Element) {
        count += 1
        guard !runs.isEmpty else { return runs.append([element]) }
        var run = run(for: element.id)
        var place = Self.place(of: element.id, in: runs[run])
        if runs[run].count == Self.runMax {
            // Elements that come in their order leave whole runs behind them.
            if run == runs.count - 1, place == Self.runMax { return runs.append([element]) }
            let half = Self.runMax / 2
            let upper = ContiguousArray(runs[run][half...])
            // An array that was cut would keep its memory.
            runs[run] = ContiguousArray(runs[run][..<half])
            runs.insert(upper, at: run + 1)
            if place > half { (run, place) = (run + 1, place - half) }
        }
        runs[run].insert(element, at: place)
    }

    /// Takes out the element with that id, if it is there.
    mutating func remove(_ id: Identifier) {
        guard !runs.isEmpty else { return }
        let run = run(for: id)
        let place = Self.place(of: id, in: runs[run])
        guard place < runs[run].count, runs[run][place].id == id else { return }
        count -= 1
        runs[run].remove(at: place)
        if runs[run].isEmpty {
            runs.remove(at: run)
        } else if run + 1 < runs.count, runs[run].count + runs[run + 1].count <= Self.runMax / 2 {
            let upper = runs.remove(at: run + 1)
            runs[run] += upper
        }
    }

    /// The first elements above `cursor` by id, at most `limit`.
    func elements(after cursor: Identifier?, limit: Int) -> [Element] {
        guard !runs.isEmpty, limit > 0 else { return [] }
        var run = 0
        var place = 0
        if let cursor {
            run = self.run(for: cursor)
            place = Self.place(of: cursor, in: runs[run])
            if place < runs[run].count, runs[run][place].id == cursor { place += 1 }
        }
        var found: [Element] = []
        while run < runs.count, found.count < limit {
            found += runs[run][place...].prefix(limit - found.count)
            (run, place) = (run + 1, 0)
        }
        return found
    }

    /// The run in which an id stands or would: the last one that does not begin above it.
    private func run(for id: Identifier) -> Int {
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle][0].id <= id { low = middle + 1 } else { high = middle }
        }
        return max(low - 1, 0)
    }

    /// Where an id stands in a run, or would.
    private static func place(of id: Identifier, in run: ContiguousArray<Element>) -> Int {
        var (low, high) = (0, run.count)
        while low < high {
            let middle = (low + high) / 2
            if run[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
