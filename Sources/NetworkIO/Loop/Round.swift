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

    /// This turn's end writes nothing to sockets in rounds.
    var isAwaited: Bool { milliseconds > 0 && !isDue }

    /// Rounds are this far apart from now on. With 0 the end of the next turn writes to those that waited.
    mutating func changed(to milliseconds: Int) {
        self.milliseconds = milliseconds
        beganAt = 0
        if milliseconds == 0 { isDue = true }
    }

    /// - Returns: how late the round begins, in nanoseconds; nil for the first one.
    mutating func began(at now: Int) -> Int? {
        defer { (beganAt, isDue) = (now, true) }
        return beganAt > 0 ? max(0, now - beganAt - milliseconds * 1_000_000) : nil
    }

    mutating func keep(_ socket: Socket) { sockets.append(socket) }

    /// Moves the sockets that waited to the end of `list`.
    mutating func release(to list: inout ContiguousArray<Socket>) {
        list.append(contentsOf: sockets)
        sockets.removeAll(keepingCapacity: true)
    }

    mutating func turnEnded() { isDue = false }
}
