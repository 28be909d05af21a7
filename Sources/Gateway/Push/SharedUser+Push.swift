import ControlPlane
import Foundations
import Rooms
import WireProtocol

// Pushes for a user of a cluster. The node that committed a message asks for one, and of several nodes that do so within a
// burst the store lets the first one have it.
extension SharedUser {
    /// Whether no device of the user is connected to any node, as far as is known here. One that was lost on another
    /// node counts as connected for its grace.
    private var isAway: Bool { user.attendance.livingCount == 0 && devicesElsewhere.isEmpty }

    /// A message of this node was committed, or is kept until it can be.
    func pushLater(_ body: [UInt8]) {
        guard table.pushes.isWanted, isAway, let direct = SharedDirect(body),
            direct.sender != user.id
        else { return }
        claimPush()
    }

    /// A message of another node was committed: that takes a device for connected which this node knows to be lost.
    func pushIfLost(_ direct: SharedDirect) {
        guard table.pushes.isWanted, !user.attendance.isEmpty, isAway, direct.sender != user.id else {
            return
        }
        claimPush()
    }

    private func claimPush() {
        let (pushes, id) = (table.pushes, user.id)
        guard !replication.isStoreAway else { return pushes.messageKept(for: id) }
        replication.store.perform(PushClaim.operation(keys, boot: core.context.boot)) { [weak pushes] result in
            // Without an answer what is known here has to do.
            pushes?.messageKept(for: id, isFirst: (try? result.get()).flatMap(PushClaim.isFirst))
        }
    }

    /// The push is due: it is sent if the user is still away, and something is there that no device has acked, on
    /// whatever node.
    func pushIfWanted() {
        readCursors { [weak self] in
            guard let self else { return }
            whenReady { [weak self] in self?.pushNow() }
        }
    }

    private func pushNow() {
        let pending = inbox.pending
        let kept = keptDirects
        guard isAway, !pending.isEmpty || !kept.isEmpty else { return table.pushes.notWanted(by: user.id) }
        let count = pending.count + kept.count
        if let newest = kept.last {
            newest.withUnsafeBytes { body in
                core.writer.provisionalDirect(body: DirectBody(body)?.frame ?? body)
            }
            table.pushes.send(to: user.id, pending: count, newest: core.writer.bytes)
        } else if let newest = pending.last {
            table.pushes.send(to: user.id, pending: count, newest: newest.frame.payload)
        }
    }

    /// The bodies of others' messages that this node keeps for the store, in order.
    private var keptDirects: [[UInt8]] {
        guard let follower, follower.log.submissions.count > 0 else { return [] }
        return follower.log.submissions.waiting.filter { $0.isProvisional && $0.user != user.id }.map(\.body)
    }
}
