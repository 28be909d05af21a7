/// The connections that a loading process must make, by their local numbers.
struct DialQueue {
    /// To be dialled before those that were never dialled.
    private var again: ContiguousArray<Int> = []
    /// Those that the server wants back later: at which time (loop milliseconds).
    private var waiting: [(local: Int, until: Int)] = []
    private var next = 0
    private var end = 0

    /// All of the first so many, after those that are there already.
    mutating func start(count: Int) { (next, end) = (0, count) }

    /// Nobody is dialled any more, but for those that wait.
    mutating func stop() {
        (next, end) = (0, 0)
        again = []
    }

    mutating func add(_ local: Int) { again.append(local) }
    mutating func add(_ local: Int, notBefore time: Int) { waiting.append((local, time)) }

    /// Whether anybody may be dialled now.
    var hasNext: Bool { !again.isEmpty || next < end }
    var isEmpty: Bool { !hasNext && waiting.isEmpty }
    /// Whether it was started, and not stopped since.
    var isStarted: Bool { end > 0 }

    mutating func takeNext() -> Int? {
        if let local = again.popLast() { return local }
        guard next < end else { return nil }
        next += 1
        return next - 1
    }

    /// Time has passed: those whose wait is over are dialled next.
    /// - Returns: whether there were any that waited.
    mutating func release(at now: Int) -> Bool {
        guard !waiting.isEmpty else { return false }
        again.append(contentsOf: waiting.filter { $0.until <= now }.map(\.local))
        waiting.removeAll { $0.until <= now }
        return true
    }
}
