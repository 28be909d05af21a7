import Core
import NetworkIO

/// The reads of a worker's connections on their way to the homes: histories and lists, whose answers are large.
///
/// Each address has a line. The lines take turns, so nobody waits for another address' reads. What is bounded is what
/// the answers may amount to, in bytes, as it is these that cost: those of one address that are under way, and those
/// that leave in one turn of the loop. A read counts as the most that its answer may be until that is there, and then
/// as what it is, so small ones are many and large ones few. The rest waits in order, with the input of its connection
/// unread. A connection has one read at a time, so lines are as long as there are connections. A value; its driver
/// asks the questions. Thread: the worker's.
struct ReadTurns {
    /// Puts the read to its home.
    typealias Question = () -> Void

    private struct UnderWay {
        let address: IPAddress?
        /// The most that its answer may be.
        let bytesMax: Int
        /// The turn in which it began.
        let turn: Int
    }

    /// Reads begin until the answers that leave in this turn may amount to so much: a `history` frame of the usual
    /// size, which takes about a millisecond to make and to write. With twice as much pings took 21 ms beside 200
    /// connections that read all the time.
    static let turnBytesMax = 512 * 1024
    /// The same for those of one address that are under way: as many may come from other workers in one turn. Two
    /// frames, so that one is made while the other leaves.
    static let addressBytesMax = 2 * turnBytesMax
    /// An answer counts as so much at least.
    static let answerBytesLeast = 4 * 1024
    /// Time of one turn for reads, in nanoseconds: those of this worker's own rooms and users.
    static let nanosecondsMax = 500_000

    /// Keys of sockets by address; nil: what does not count for its address. Those whose reads may not begin are
    /// stopped.
    private var lines = FairLines<IPAddress?, UInt64>(quantum: 1)
    /// Stopped lines that wait for their address' output.
    private var heldBack: [IPAddress?] = []
    /// By the key of the socket.
    private var waiting: [UInt64: (question: Question, bytesMax: Int)] = [:]
    private var underWay: [UInt64: UnderWay] = [:]
    private var underWayBytes: [IPAddress?: Int] = [:]
    private var turn = 0
    /// Of this turn: of answers that came, and of reads that began and have none yet.
    private var bytes = 0
    private var nanoseconds = 0

    /// A connection asks; it has no other read.
    /// - Parameter bytesMax: the most that the answer may be, about.
    mutating func asked(_ question: @escaping Question, _ key: UInt64, of address: IPAddress?, bytesMax: Int) {
        waiting[key] = (question, max(bytesMax, Self.answerBytesLeast))
        lines.append(key, to: address, isStopped: isFull(address))
    }

    private func isFull(_ address: IPAddress?) -> Bool {
        underWayBytes[address, default: 0] >= Self.addressBytesMax
    }

    /// The next read that may begin; it is under way from now on.
    /// - Parameter isHeldBack: whether an address' reads wait, as it holds too much that is not out.
    mutating func next(isHeldBack: (IPAddress?) -> Bool) -> Question? {
        // Mostly nobody waits, and lines are dear to look at.
        while !waiting.isEmpty, bytes < Self.turnBytesMax, nanoseconds < Self.nanosecondsMax,
            let address = lines.nextKey()
        {
            if isHeldBack(address) {
                lines.stopFirst()
                heldBack.append(address)
                continue
            }
            // Its connection may be gone.
            guard let key = lines.popFirst()?.element, let read = waiting.removeValue(forKey: key) else { continue }
            bytes += read.bytesMax
            underWay[key] = UnderWay(address: address, bytesMax: read.bytesMax, turn: turn)
            underWayBytes[address, default: 0] += read.bytesMax
            if isFull(address), lines.nextKey() == address { lines.stopFirst() }
            lines.charge(1, to: address)
            return read.question
        }
        return nil
    }

    /// The question took so much of the turn.
    mutating func took(nanoseconds: Int) { self.nanoseconds += nanoseconds }

    /// A connection's read was answered, or the connection is gone.
    /// - Parameter bytes: of the answer, which leaves in this turn.
    @inline(__always)
    mutating func ended(_ key: UInt64, bytes: Int = 0) {
        if !waiting.isEmpty || !underWay.isEmpty { end(key, bytes) }
    }

    private mutating func end(_ key: UInt64, _ answerBytes: Int) {
        waiting[key] = nil
        guard let read = underWay.removeValue(forKey: key) else { return }
        if read.turn == turn { bytes -= read.bytesMax }
        bytes += max(answerBytes, Self.answerBytesLeast)
        let (address, wasFull) = (read.address, isFull(read.address))
        let left = underWayBytes[address, default: 0] - read.bytesMax
        underWayBytes[address] = left > 0 ? left : nil
        if wasFull, !isFull(address) { lines.resume(address) }
    }

    /// The turn is over, and the next one has its whole share: true if there is something for it already.
    mutating func turnEnded() -> Bool {
        turn += 1
        (bytes, nanoseconds) = (0, 0)
        let isMore = !waiting.isEmpty && lines.isAnyDue
        for address in heldBack { lines.resume(address) }
        heldBack.removeAll(keepingCapacity: true)
        return isMore
    }
}
