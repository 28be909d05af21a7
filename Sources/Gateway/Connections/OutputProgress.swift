/// Whether a peer takes what it was sent. A value that is looked at now and then, for as long as there is something to
/// take. Times are loop milliseconds.
struct OutputProgress {
    /// How long a peer may take nothing.
    static let standstillMilliseconds = 30_000
    /// How far apart two looks are.
    static let lookMilliseconds = 2_000

    /// How many bytes the peer's kernel had not acknowledged at the last look.
    private var unacknowledged: Int
    /// When the peer was last seen to take something.
    private var since: Int

    /// The result of a look.
    enum Look {
        case taking
        case waiting
        /// The peer has taken nothing for too long.
        case standstill
    }

    /// - Parameter unacknowledged: bytes that the peer's kernel has not acknowledged.
    init(unacknowledged: Int = .max, at now: Int) {
        self.unacknowledged = unacknowledged
        since = now
    }

    mutating func looked(unacknowledged bytes: Int, at now: Int) -> Look {
        let before = unacknowledged
        // What was added since must be taken before it shows: then it counts from there.
        unacknowledged = bytes
        if bytes < before {
            since = now
            return .taking
        }
        return now - since < Self.standstillMilliseconds ? .waiting : .standstill
    }
}
