import Core
import NetworkIO

/// The reads of a worker's connections on their way to the homes: histories and lists, whose answers are large.
///
/// Each address has a line. The lines take turns, so nobody waits for another address' reads; of one address so many
/// are under way at a time, and a turn of the loop begins so many in all. The rest waits in order, with the input of
/// its connection unread. A connection has one read at a time, so lines are as long as there are connections. A value;
/// its driver asks the questions. Thread: the worker's.
struct ReadTurns {
    /// Puts the read to its home.
    typealias Question = () -> Void

    /// Reads that one turn of the loop begins: some mebibytes of answers if all are as large as may be, which is some
    /// milliseconds with what the kernel does of them.
    static let startsMax = 8
    /// Time of one turn for reads, in nanoseconds: those of this worker's own rooms and users.
    static let nanosecondsMax = 500_000
    /// Reads of one address under way: as many answers may come from other workers at once.
    static let underWayMax = 8

    /// Keys of sockets by address; nil: what does not count for its address. Those whose reads may not begin are
    /// stopped.
    private var lines = FairLines<IPAddress?, UInt64>(quantum: 1)
    /// Stopped lines that wait for their address' output.
    private var heldBack: [IPAddress?] = []
    /// By the key of the socket.
    private var waiting: [UInt64: Question] = [:]
    private var underWay: [UInt64: IPAddress?] = [:]
    private var underWayCounts: [IPAddress?: Int] = [:]
    private var starts = 0
    private var nanoseconds = 0

    /// A connection asks; it has no other read.
    mutating func asked(_ question: @escaping Question, _ key: UInt64, of address: IPAddress?) {
        waiting[key] = question
        lines.append(key, to: address, isStopped: isFull(address))
    }

    private func isFull(_ address: IPAddress?) -> Bool {
        underWayCounts[address, default: 0] >= Self.underWayMax
    }

    /// The next read that may begin; it is under way from now on.
    /// - Parameter isHeldBack: whether an address' reads wait, as it holds too much that is not out.
    mutating func next(isHeldBack: (IPAddress?) -> Bool) -> Question? {
        // Mostly nobody waits, and lines are dear to look at.
        while !waiting.isEmpty, starts < Self.startsMax, nanoseconds < Self.nanosecondsMax,
            let address = lines.nextKey()
        {
            if isHeldBack(address) {
                lines.stopFirst()
                heldBack.append(address)
                continue
            }
            // Its connection may be gone.
            guard let key = lines.popFirst()?.element, let question = waiting.removeValue(forKey: key) else { continue }
            starts += 1
            underWay[key] = address
            underWayCounts[address, default: 0] += 1
            if isFull(address), lines.nextKey() == address { lines.stopFirst() }
            lines.charge(1, to: address)
            return question
        }
        return nil
    }

    /// The question took so much of the turn.
    mutating func took(nanoseconds: Int) { self.nanoseconds += nanoseconds }

    /// A connection's read was answered, or the connection is gone.
    @inline(__always)
    mutating func ended(_ key: UInt64) { if !waiting.isEmpty || !underWay.isEmpty { end(key) } }

    private mutating func end(_ key: UInt64) {
        waiting[key] = nil
        guard let address = underWay.removeValue(forKey: key), let count = underWayCounts[address] else { return }
        underWayCounts[address] = count > 1 ? count - 1 : nil
        if count == Self.underWayMax { lines.resume(address) }
    }

    /// The turn is over, and the next one has its whole share: true if there is something for it already.
    mutating func turnEnded() -> Bool {
        (starts, nanoseconds) = (0, 0)
        let isMore = !waiting.isEmpty && lines.isAnyDue
        for address in heldBack { lines.resume(address) }
        heldBack.removeAll(keepingCapacity: true)
        return isMore
    }
}
