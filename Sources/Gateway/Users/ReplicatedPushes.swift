import ClusterState
import Core
import Rooms
import WireProtocol

/// Pushes for a user of a cluster. The node that committed a message asks for one, and of several nodes that do so
/// within a burst the store lets the first one have it.
///
/// Thread: the home worker's.
struct ReplicatedPushes {
    unowned let replicated: ReplicatedUser

    private var user: User { replicated.user }
    private var table: UserTable { replicated.table }
    private var core: WorkerCore { replicated.core }

    /// Whether no device of the user is connected to any node, as far as is known here. One that was lost on another
    /// node counts as connected for its grace.
    private var isAway: Bool { user.attendance.livingCount == 0 && replicated.devices.all.isEmpty }

    /// Another user's message was committed by this node, or is kept until it can be.
    func messageKept() { if table.pushes.isWanted, isAway { claimPush() } }

    /// A message of another node was committed: that takes a device for connected which this node knows to be lost.
    func messageHeard(_ direct: SharedDirect) {
        guard table.pushes.isWanted, !user.attendance.isEmpty, isAway, direct.sender != user.id else {
            return
        }
        claimPush()
    }

    private func claimPush() {
        let (pushes, id) = (table.pushes, user.id)
        guard !replicated.replication.isStoreAway else { return pushes.messageKept(for: id) }
        replicated.replication.store.perform(PushClaim.operation(replicated.keys, boot: core.context.boot)) {
            [weak pushes] result in
            // Without an answer what is known here has to do.
            pushes?.messageKept(for: id, isFirst: (try? result.get()).flatMap(PushClaim.isFirst))
        }
    }

    /// The push is due: it is sent if the user is still away, and something is there that no device has acked, on
    /// whatever node.
    func sendIfWanted() {
        replicated.cursors.read { [weak replicated] in
            replicated?.whenReady { [weak replicated] in replicated?.pushes.sendNow() }
        }
    }

    private func sendNow() {
        let pending = replicated.inbox.pending
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
        replicated.provisionalMessages.filter { $0.user != user.id }.map(\.body)
    }
}
