import ClusterState

/// The end of one command: what Redis said, or why it did not.
package enum RedisOutcome {
    /// Valid during the call; an error reply is one, too.
    case reply(RedisReply)
    /// `.unavailable` or `.uncertain`.
    case fault(StoreFault)
}

/// Takes the outcomes of commands where a closure for each would cost too much.
package protocol RedisReceiver: AnyObject {
    /// The command that was sent with `tag` has ended. Called once for each, in the order of sending.
    func commandEnded(_ outcome: RedisOutcome, tag: Int)
}

/// Who is notified of the end of a command.
package enum RedisCompletion {
    /// Costs nothing to make.
    case receiver(any RedisReceiver, tag: Int)
    case closure((RedisOutcome) -> Void)
    /// Part of the connection's opening, or a sign of life.
    case step(RedisStep)

    /// Notifies it.
    func complete(_ outcome: RedisOutcome) {
        switch self {
        case .receiver(let receiver, let tag): receiver.commandEnded(outcome, tag: tag)
        case .closure(let body): body(outcome)
        case .step: break
        }
    }
}

/// A command of a connection that has no reply yet.
struct PendingReply {
    let completion: RedisCompletion
    /// Where the command ends in the stream of all that was queued.
    let end: Int
    /// The loop's milliseconds when it was queued.
    let sentAt: Int
}
