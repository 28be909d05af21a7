import ClusterState
import Core
import Rooms
import WireProtocol

/// Decides which absent users of one worker get a push for their messages, and when. Without a webhook it does nothing.
///
/// Thread: the worker's.
final class PushRequests {
    private unowned let table: UserTable
    private var bursts = PushBursts()
    /// Whether pushes have somewhere to go.
    let isWanted: Bool

    init(of table: UserTable) {
        self.table = table
        isWanted = table.core.configuration.pushWebhook != nil
    }

    private var core: WorkerCore { table.core }

    /// A message was committed to the inbox of a user of this node alone: a push is due if nobody is there.
    func messageKept(for owner: UserOwner) {
        guard isWanted, owner.user.attendance.livingCount == 0 else { return }
        bursts.messageKept(for: owner.id, at: core.loop.now)
    }

    /// A message was committed for a user who is away from all nodes.
    /// - Parameter isFirst: whether it is the first of its burst in the cluster; nil: not known.
    func messageKept(for user: Identifier, isFirst: Bool? = nil) {
        bursts.messageKept(for: user, isFirst: isFirst, at: core.loop.now)
    }

    /// The user has come here: what is sent from now on, should the user go again, is another burst.
    func notWanted(by user: Identifier) {
        guard isWanted else { return }
        bursts.ended(for: user)
        guard let replication = table.replication, !replication.isStoreAway else { return }
        replication.store.perform(PushClaim.end(LogKeys(user: user))) { _ in }
    }

    /// The user has come on another node.
    func endBurst(of user: Identifier) { bursts.ended(for: user) }

    /// Hands on the pushes that are due.
    func sendDue() { send(to: bursts.takeDue(at: core.loop.now)) }

    /// Hands on all pushes that wait, due or not: the node goes.
    func sendAll() { send(to: bursts.takeAll()) }

    private func send(to absent: [Identifier]) {
        for id in absent {
            guard table.replication != nil else {
                sendIfWanted(to: id)
                continue
            }
            if case .replicated(let shared) = table.open(id).sequencer { shared.pushes.sendIfWanted() }
        }
    }

    private func sendIfWanted(to id: Identifier) {
        guard let user = table.find(id)?.user else { return }
        let pending = user.openedInbox?.pending ?? []
        guard user.attendance.livingCount == 0, let newest = pending.last else { return notWanted(by: id) }
        send(to: id, pending: pending.count, newest: newest.frame.payload)
    }

    /// Has the control loop send a push.
    /// - Parameter newest: the newest pending `direct` frame.
    func send(to user: Identifier, pending: Int, newest: UnsafeRawBufferPointer) {
        var text = JSONWriter()
        text.beginObject()
        text.member("type", "push" as StaticString)
        text.member("user", user)
        text.member("pending", pending)
        text.name("message")
        text.raw(newest)
        text.member("node", core.context.nodeID)
        text.name("ts")
        text.time(core.loop.unixNow)
        text.endObject()
        core.context.mail.pushes.post([PushJob(user: user, delivery: core.makeID(after: "p-"), body: text.array)])
    }
}
