import Core
import Rooms

/// Connections that wait for their room to be in step with its log. A value of the room's sequencer.
struct Arrivals {
    struct Waiting {
        let info: ConnectionInfo
        let position: Position?
        /// Loop milliseconds.
        let since: Int
        /// `ReplicaLog.nextProof` when it came.
        let proof: UInt64
    }

    private var waiting: [Waiting] = []

    var isEmpty: Bool { waiting.isEmpty }

    mutating func append(_ arrival: Waiting) { waiting.append(arrival) }

    /// One has gone; false when it did not wait.
    mutating func remove(_ info: ConnectionInfo) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.info === info }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Whether some wait since a time (loop milliseconds) or longer.
    func contains(since latest: Int) -> Bool { waiting.contains { $0.since <= latest } }

    func contains(where fits: (Waiting) -> Bool) -> Bool { waiting.contains(where: fits) }

    /// Takes those out that fit.
    mutating func take(where fits: (Waiting) -> Bool = { _ in true }) -> [Waiting] {
        let taken = waiting.filter(fits)
        if !taken.isEmpty { waiting.removeAll(where: fits) }
        return taken
    }
}
