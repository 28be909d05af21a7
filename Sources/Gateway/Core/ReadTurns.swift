import Core

/// The reads of a worker's connections on their way to the homes: histories and lists, whose answers are large.
///
/// Each address has a line. The lines take turns, so nobody waits for another address' reads; of one address so many
/// are under way at a time, and a turn of the loop begins so many in all. The rest waits in order, with the input of
/// its connection unread. A connection has one read at a time, so lines are as long as there are connections. A value;
/// its driver asks the questions. Thread: the worker's.
struct ReadTurns {
    /// Puts the read to its home.
    typealias Question = () -> Void

    /// Reads that one turn of the loop begins: half a mebibyte of answers, which is about a millisecond with what the
    /// kernel does of it.
    static let startsMax = 8
    /// Time of one turn for reads, in nanoseconds: those of this worker's own rooms and users.
    static let nanosecondsMax = 500_000
    /// Reads of one address under way: as many answers may come from other workers at once.
    static let underWayMax = 8

    private struct Line {
        var keys = FIFO<UInt64>()
        var underWayCount = 0
        /// It stands among those whose first read may begin, or that are held back.
        var isListed = false
    }

    /// nil: what does not count for its address.
    private var lines: [IPAddress?: Line] = [:]
    /// Lines whose first read may begin, in the order of their turns.
    private var ready = FIFO<IPAddress?>()
    /// Lines that wait for their address' output.
    private var heldBack: [IPAddress?] = []
    /// By the key of the socket.
    private var waiting: [UInt64: Question] = [:]
    private var underWay: [UInt64: IPAddress?] = [:]
    private var starts = 0
    private var nanoseconds = 0

    /// A connection asks; it has no other read.
    mutating func asked(_ question: @escaping Question, _ key: UInt64, of address: IPAddress?) {
        waiting[key] = question
        lines[address, default: Line()].keys.append(key)
        list(address)
    }

    /// The next read that may begin; it is under way from now on.
    /// - Parameter isHeldBack: whether an address' reads wait, as it holds too much that is not out.
    mutating func next(isHeldBack: (IPAddress?) -> Bool) -> Question? {
        while starts < Self.startsMax, nanoseconds < Self.nanosecondsMax, let address = ready.popFirst() {
            guard var line = lines[address] else { continue }
            line.isListed = false
            if isHeldBack(address) {
                line.isListed = true
                heldBack.append(address)
                lines[address] = line
                continue
            }
            let begun = line.underWayCount < Self.underWayMax ? popWaiting(&line) : nil
            if let begun {
                line.underWayCount += 1
                underWay[begun.key] = address
            }
            settle(line, address)
            list(address)
            guard let begun else { continue }
            starts += 1
            return begun.question
        }
        return nil
    }

    /// The first of a line whose connection is still there.
    private mutating func popWaiting(_ line: inout Line) -> (key: UInt64, question: Question)? {
        while let key = line.keys.popFirst() {
            if let question = waiting.removeValue(forKey: key) { return (key, question) }
        }
        return nil
    }

    /// The question took so much of the turn.
    mutating func took(nanoseconds: Int) { self.nanoseconds += nanoseconds }

    /// A connection's read was answered, or the connection is gone.
    @inline(__always)
    mutating func ended(_ key: UInt64) { if !lines.isEmpty { end(key) } }

    private mutating func end(_ key: UInt64) {
        waiting[key] = nil
        guard let address = underWay.removeValue(forKey: key), var line = lines[address] else { return }
        line.underWayCount -= 1
        settle(line, address)
        list(address)
    }

    /// The turn is over, and the next one has its whole share: true if there is something for it already.
    mutating func turnEnded() -> Bool {
        (starts, nanoseconds) = (0, 0)
        let isMore = !ready.isEmpty
        for address in heldBack { ready.append(address) }
        heldBack.removeAll(keepingCapacity: true)
        return isMore
    }

    private mutating func settle(_ line: Line, _ address: IPAddress?) {
        lines[address] = line.keys.isEmpty && line.underWayCount == 0 && !line.isListed ? nil : line
    }

    /// Gives a line its turn behind the others, if it has something to begin.
    private mutating func list(_ address: IPAddress?) {
        guard let line = lines[address], !line.isListed, !line.keys.isEmpty,
            line.underWayCount < Self.underWayMax
        else { return }
        lines[address]?.isListed = true
        ready.append(address)
    }
}
