import Core
import Rooms

/// Lets connections into a replicated room, once the room can judge their positions: a node that is behind must not say
/// to somebody who is ahead of it that the room is not so far.
///
/// Thread: the home worker's.
final class ArrivalGate {
    private unowned let replicated: ReplicatedRoom
    private var arrivals = Arrivals()
    /// One who waited is let in now.
    private var isAdmitting = false
    /// That one has waited in vain for its position to be proven.
    private(set) var admitsUnproven = false

    init(of replicated: ReplicatedRoom) { self.replicated = replicated }

    /// Nobody waits.
    var isEmpty: Bool { arrivals.isEmpty }

    /// Keeps an arrival until the room is in step with its log, and can judge its position; false when it is.
    func delays(_ info: ConnectionInfo, _ position: Position?) -> Bool {
        guard let replica = replicated.replica, !isAdmitting else { return false }
        let arrival = Arrivals.Waiting(
            info: info, position: position, since: replicated.core.loop.now, proof: replica.log.nextProof)
        if replicated.isReady, mayLetIn(arrival) { return false }
        arrivals.append(arrival)
        if !isProven(arrival) { doubtPositions() }
        return true
    }

    /// An arrival that was delayed has gone; false when there was none.
    func forget(_ info: ConnectionInfo) -> Bool { arrivals.remove(info) }

    /// Lets those in who wait for the room to be in step, when it is.
    func letIn() {
        guard replicated.isReady, !arrivals.isEmpty else { return }
        letIn(arrivals.take(where: mayLetIn))
        if arrivals.contains(where: { !isProven($0) }) { doubtPositions() }
    }

    /// Lets those in who have waited for a room that does not get in step since `latest` (loop milliseconds) or longer:
    /// they are notified of that. Whether there were any.
    func letIn(since latest: Int) -> Bool {
        guard arrivals.contains(since: latest) else { return false }
        letIn(arrivals.take { $0.since <= latest })
        return true
    }

    /// The room is no more: takes out all who wait.
    func takeAll() -> [Arrivals.Waiting] { arrivals.take() }

    private func letIn(_ taken: [Arrivals.Waiting]) {
        for arrival in taken {
            admitsUnproven = !isProven(arrival)
            isAdmitting = true
            replicated.home.join(arrival.info, from: arrival.position)
            isAdmitting = false
        }
        admitsUnproven = false
    }

    private func mayLetIn(_ arrival: Arrivals.Waiting) -> Bool {
        isProven(arrival) && arrival.position.map(replicated.forks.isSettled) ?? true
    }

    /// Whether this node has all that the store had when an arrival came, or need not have it to judge its position.
    private func isProven(_ arrival: Arrivals.Waiting) -> Bool {
        guard let replica = replicated.replica, replica.log.mayLetIn else { return replicated.replica == nil }
        guard let position = arrival.position, !replica.log.isAway else { return true }
        return replica.log.knows(position) || replica.log.isProven(arrival.proof)
    }

    /// Has the store say whether positions that are not known here are of its history.
    private func doubtPositions() {
        if replicated.isReady, replicated.replica?.log.standing == .inStep { replicated.replica?.doubtsPosition() }
    }
}
