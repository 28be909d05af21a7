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
        guard worker.hasWebhook, isAway, let direct = SharedDirect(body),
            direct.sender != user.id
        else { return }
        claimPush()
    }

    /// A message of another node was committed: that takes a device for connected which this node knows to be lost.
    func pushIfLost(_ direct: SharedDirect) {
        guard worker.hasWebhook, !user.attendance.isEmpty, isAway, direct.sender != user.id else {
            return
        }
        claimPush()
    }

    private func claimPush() {
        guard !worker.isStoreAway, let store = worker.store else {
            return worker.pushBursts.messageKept(for: user.id, at: worker.loop.now)
        }
        let (worker, id) = (worker, user.id)
        store.perform(PushClaim.operation(keys, boot: worker.context.boot)) { [weak worker] result in
            guard let worker else { return }
            // Without an answer what is known here has to do.
            let isFirst = (try? result.get()).flatMap(PushClaim.isFirst)
            worker.pushBursts.messageKept(for: id, isFirst: isFirst, at: worker.loop.now)
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
        guard isAway, !pending.isEmpty || !kept.isEmpty else { return worker.pushNotWanted(by: user.id) }
        let count = pending.count + kept.count
        if let newest = kept.last {
            newest.withUnsafeBytes { body in
                worker.writer.provisionalDirect(body: DirectBody(body)?.frame ?? body)
            }
            worker.push(to: user.id, pending: count, newest: worker.writer.bytes)
        } else if let newest = pending.last {
            worker.push(to: user.id, pending: count, newest: newest.frame.payload)
        }
    }

    /// The bodies of others' messages that this node keeps for the store, in order.
    private var keptDirects: [[UInt8]] {
        guard let follower, follower.log.submissions.count > 0 else { return [] }
        return follower.log.submissions.waiting.filter { $0.isProvisional && $0.user != user.id }.map(\.body)
    }
}
