import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What a worker does to have absent users of its home told of their messages. On the home's thread.
extension Worker {
    /// Whether pushes have somewhere to go.
    var hasWebhook: Bool { configuration.pushWebhook != nil }

    /// A message was committed to the inbox of a user of this node alone: a push is due if nobody is there.
    func pushLater(_ user: User) {
        guard hasWebhook, user.attendance.livingCount == 0 else { return }
        pushBursts.messageKept(for: user.id, at: loop.now)
    }

    /// The user has come: what is sent from now on, should the user go again, is another burst.
    func pushNotWanted(by user: Identifier) {
        guard hasWebhook else { return }
        pushBursts.ended(for: user)
        guard !isStoreAway else { return }
        store?.perform(PushClaim.end(LogKeys(user: user))) { _ in }
    }

    /// Their pushes are due: hands on those that are still wanted.
    func sendPushes(to absent: [Identifier]) {
        for id in absent {
            if let store {
                openShared(id, store).pushIfWanted()
            } else if let user = users.find(id) {
                let pending = user.openedInbox?.pending ?? []
                guard user.attendance.livingCount == 0, let newest = pending.last else {
                    pushNotWanted(by: id)
                    continue
                }
                push(to: id, pending: pending.count, newest: newest.frame.payload)
            }
        }
    }

    /// Has the control loop send a push.
    /// - Parameter newest: the newest pending `direct` frame.
    func push(to user: Identifier, pending: Int, newest: UnsafeRawBufferPointer) {
        var text = JSONWriter()
        text.beginObject()
        text.member("type", "push" as StaticString)
        text.member("user", user)
        text.member("pending", pending)
        text.name("message")
        text.raw(newest)
        text.member("node", context.nodeID)
        text.name("ts")
        text.time(loop.unixNow)
        text.endObject()
        context.pushes.post([PushJob(user: user, delivery: makeName(after: "p-"), body: text.array)])
    }
}
