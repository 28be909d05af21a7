/// The end of a run: what is on its way arrives, then what did not is counted.
struct Settling {
    enum Part {
        /// Until no ack is due.
        case acks
        /// Until every member has the newest acked seq of its room.
        case deliveries([Int: [RoomMark]])
    }
    /// Waiting ends in any case.
    static let millisecondsMax = 30_000

    let part: Part
    /// How long nothing may come before it is held to be all.
    let quietMilliseconds: Int
    /// In the loop's milliseconds.
    let deadline: Int
    private var receivedBytes = 0
    private var lastProgress: Int

    init(_ part: Part, quietMilliseconds: Int, now: Int) {
        self.part = part
        self.quietMilliseconds = quietMilliseconds
        deadline = now + Self.millisecondsMax
        lastProgress = now
    }

    /// Whether it is time to stop waiting; to be asked at each tick with all bytes that ever came.
    mutating func isOver(at now: Int, receivedBytes: Int) -> Bool {
        if receivedBytes != self.receivedBytes {
            self.receivedBytes = receivedBytes
            lastProgress = now
        }
        return now >= deadline || now - lastProgress >= quietMilliseconds
    }
}
