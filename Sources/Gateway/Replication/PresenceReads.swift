import Core

/// Gives rooms and users their turns at reading who is in: a bounded number of questions at a time, however many rooms
/// want it at once. Rooms that somebody waits for come first.
///
/// Thread: the worker's.
final class PresenceReads {
    /// Questions under way at once, each for some hundred entries.
    private static let underWayMax = 16
    /// The wait after the store gave no answer.
    private static let retryMilliseconds = 1_000

    private struct Turn {
        weak var presence: ClusterPresence?
    }

    private var urgent = FIFO<Turn>()
    private var others = FIFO<Turn>()
    private var refused = TimedQueue<Turn>()
    /// Those that have more to do at the next tick.
    private var unfinished: [Turn] = []
    private var underWay = 0
    private var now = 0

    /// Gives it a turn: a call of `readPart`.
    func wants(_ presence: ClusterPresence, isUrgent: Bool) {
        if isUrgent { urgent.append(Turn(presence: presence)) } else { others.append(Turn(presence: presence)) }
        pump()
    }

    /// As `wants`, after the store gave no answer.
    func wantsLater(_ presence: ClusterPresence) {
        refused.append(Turn(presence: presence), at: now + Self.retryMilliseconds)
    }

    /// It is called by `dropMissing` at the next tick.
    func goesOn(_ presence: ClusterPresence) { unfinished.append(Turn(presence: presence)) }

    /// At each tick of the loop.
    func ticked(at now: Int) {
        self.now = now
        let turns = unfinished
        unfinished = []
        for turn in turns { turn.presence?.dropMissing() }
        while let first = refused.first, first.time <= now {
            refused.removeFirst()
            others.append(first.element)
        }
        pump()
    }

    private func pump() {
        while underWay < Self.underWayMax, let turn = urgent.popFirst() ?? others.popFirst() {
            guard let presence = turn.presence else { continue }
            underWay += 1
            presence.readPart { [weak self] in
                self?.underWay -= 1
                self?.pump()
            }
        }
    }
}
