/// The rounds in which a busy loop reads and writes, and the sockets that wait for the next one to be written to.
struct Round {
    /// How far apart rounds are; 0: there are none, sockets are served as things come.
    private(set) var milliseconds = 0
    /// This turn's end writes to those that waited.
    private(set) var isDue = false
    /// Sockets in rounds with something to write.
    private(set) var sockets: ContiguousArray<Socket> = []
    /// When the last round began, on `Clock.monotonicNanoseconds()`; 0: there was none yet.
    private var beganAt = 0
    /// Sockets that had their turn since the last round began.
    private var served = 0
    /// Input that was not come to: when the round began that left it first, how many of the sockets that it left have
    /// not had their turn since, and how many are left now; 0: nothing is left.
    private var left = (since: 0, before: 0, count: 0)

    /// This turn's end writes nothing to sockets in rounds.
    var isAwaited: Bool { milliseconds > 0 && !isDue }

    /// Rounds are this far apart from now on. With 0 the end of the next turn writes to those that waited.
    mutating func changed(to milliseconds: Int) {
        self.milliseconds = milliseconds
        beganAt = 0
        if milliseconds == 0 { (isDue, left) = (true, (0, 0, 0)) }
    }

    /// - Returns: how much longer than planned input waits for this round, in nanoseconds: as long as the round is
    ///   late, or as long as what the rounds before it left has waited, on average of all input; nil for the first one.
    mutating func began(at now: Int) -> Int? {
        defer { (beganAt, isDue, served) = (now, true, 0) }
        guard beganAt > 0 else { return nil }
        let share = Double(left.count) / Double(max(served + left.count, 1))
        let waited = left.since > 0 ? Int(Double(now - left.since) * share) : 0
        return max(0, now - beganAt - milliseconds * 1_000_000, waited)
    }

    /// Input was taken, in a round or behind it.
    /// - Parameters:
    ///   - served: sockets that had their turn.
    ///   - count: sockets that are left.
    mutating func tookInput(served: Int, leaving count: Int) {
        self.served += served
        left.count = count
        left.before -= served
        // Lines take turns: who came last has its turn when as many had theirs as stood before it.
        if count == 0 { left = (0, 0, 0) } else if left.before <= 0 { (left.since, left.before) = (beganAt, count) }
    }

    mutating func keep(_ socket: Socket) { sockets.append(socket) }

    /// Moves the sockets that waited to the end of `list`.
    mutating func release(to list: inout ContiguousArray<Socket>) {
        list.append(contentsOf: sockets)
        sockets.removeAll(keepingCapacity: true)
    }

    mutating func turnEnded() { isDue = false }
}
