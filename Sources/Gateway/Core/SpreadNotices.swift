/// Which connections still have to be notified of a change, of the tier or of the mode: all of a worker's, spread over
/// some time, so that notifying is no load of its own.
struct SpreadNotices<Known> {
    /// Ticks of the loop over which a change is spread.
    private let ticks: Int
    /// Connections with what they know.
    private var waiting: ContiguousArray<(key: UInt64, known: Known)> = []
    private var perTick = 0

    init(overTicks ticks: Int) { self.ticks = ticks }

    /// Something has changed; who was not notified of the former change hears of this one alone.
    /// - Parameter keys: connections that must be notified, the last one first.
    mutating func changed(from former: Known, keys: some Sequence<UInt64>) {
        var known: [UInt64: Known] = [:]
        for notice in waiting { known[notice.key] = notice.known }
        waiting = ContiguousArray(keys.map { ($0, known[$0] ?? former) })
        perTick = max(1, (waiting.count + ticks - 1) / ticks)
    }

    /// Whether somebody has not been notified yet.
    var isSpreading: Bool { !waiting.isEmpty }

    /// The next ones to be notified; to be called at each tick.
    mutating func takeDue() -> ArraySlice<(key: UInt64, known: Known)> {
        guard !waiting.isEmpty else { return [] }
        let due = Array(waiting.suffix(perTick))
        waiting.removeLast(due.count)
        return due[...]
    }

    /// One can't be notified yet: it comes again at a later tick.
    mutating func putBack(_ notice: (key: UInt64, known: Known)) { waiting.insert(notice, at: 0) }
}
