import Core
import Rooms

/// Finds where the connections of a cluster's user go on in the inbox. One whose cursor or whose inbox can't be read
/// now waits for its place, and gets what is provisional meanwhile.
///
/// Thread: the home worker's.
final class InboxPlacing {
    private unowned let replicated: ReplicatedUser
    private struct Waiting {
        let info: ConnectionInfo
        /// The device's cursor, once it is known.
        var start: InboxStart?
        /// Where any device had acked when the connection came.
        let cameAt: InboxCursor
    }

    /// Those that wait, in the order in which they came.
    private var waiting: [Waiting] = []
    /// Cursors are asked for.
    private var isAsking = false

    init(of replicated: ReplicatedUser) { self.replicated = replicated }

    private var inbox: Inbox { replicated.inbox }

    /// Where a connection that was taken in goes on from now; nil while nobody can say.
    func cursor(of info: ConnectionInfo, from start: InboxStart?) -> InboxCursor? {
        guard let start, let replica = replicated.replica, replica.log.standing == .inStep,
            replicated.isReady, canJudge(start)
        else { return nil }
        if start.cursor.positions.isEmpty, let device = info.namedDevice { replicated.cursors.began(device) }
        return start.cursor
    }

    /// Whether this node knows the histories that a device's cursor is of, or has proof that the inbox never had them.
    func canJudge(_ start: InboxStart) -> Bool {
        guard let replica = replicated.replica else { return false }
        return start.cursor.positions.allSatisfy { replica.log.knows($0) } || replica.log.isProven(start.proof)
    }

    /// A connection waits for its place.
    func awaits(_ info: ConnectionInfo, from start: InboxStart?) {
        waiting.append(Waiting(info: info, start: start, cameAt: inbox.acked))
    }

    /// Something is known that was not: those whose places are clear go on.
    func goOn() {
        guard !waiting.isEmpty else { return }
        let entries = waiting
        waiting = []
        for entry in entries where inbox[entry.info] != nil {
            guard let cursor = cursor(of: entry.info, from: entry.start) else {
                waiting.append(entry)
                continue
            }
            inbox[entry.info]?.placed(at: cursor, in: inbox.log)
            replicated.owner.leadOn(entry.info)
        }
        ask()
    }

    /// Asks for the cursors that are not known, and whether those that are belong to the inbox's history.
    private func ask() {
        guard let replica = replicated.replica, replica.log.standing == .inStep, replicated.isReady else { return }
        if waiting.contains(where: { $0.start != nil }) { replica.doubtsPosition() }
        guard !isAsking, let next = waiting.first(where: { $0.start == nil }) else { return }
        isAsking = true
        replicated.cursors.begin(next.info.namedDevice, cameAt: next.cameAt) { [weak self] start in
            guard let self else { return }
            isAsking = false
            guard let start, let index = waiting.firstIndex(where: { $0.info === next.info }) else { return }
            waiting[index].start = start
            goOn()
        }
    }
}
