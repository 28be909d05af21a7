import Foundations
import Rooms

/// Connections that wait for their room to be in step with its log. A value of the room's sequencer.
struct Arrivals {
    struct Waiting {
        let info: ConnectionInfo
        let position: Position?
        /// Loop milliseconds.
        let since: Int
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

    /// Takes those out that wait since a time (loop milliseconds) or longer.
    mutating func take(since latest: Int = .max) -> [Waiting] {
        let taken = waiting.filter { $0.since <= latest }
        waiting.removeAll { $0.since <= latest }
        return taken
    }
}
