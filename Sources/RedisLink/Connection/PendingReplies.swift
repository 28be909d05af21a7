import ControlPlane

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

/// Who is told the end of a command.
package enum RedisCompletion {
    /// Costs nothing to make.
    case receiver(any RedisReceiver, tag: Int)
    case closure((RedisOutcome) -> Void)
    /// Part of the connection's opening, or a sign of life.
    case step(RedisStep)

    /// Tells it.
    func tell(_ outcome: RedisOutcome) {
        switch self {
        case .receiver(let receiver, let tag): receiver.commandEnded(outcome, tag: tag)
        case .closure(let body): body(outcome)
        case .step: break
        }
    }
}

/// The commands of a connection that have no reply yet, oldest first. Bounded by its owner.
struct PendingReplies {
    struct Entry {
        let completion: RedisCompletion
        /// Where the command ends in the stream of all that was queued.
        let end: Int
        /// The loop's milliseconds when it was queued.
        let sentAt: Int
    }

    private var entries: ContiguousArray<Entry?> = []
    private var head = 0

    var count: Int { entries.count - head }
    var first: Entry? { head < entries.count ? entries[head] : nil }

    mutating func append(_ entry: Entry) { entries.append(entry) }

    mutating func popFirst() -> Entry? {
        guard head < entries.count else { return nil }
        // The place lets go of what is taken.
        let first = entries[head].take()
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: head <= 4096)
            head = 0
        } else if head >= 1024, head * 2 >= entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return first
    }
}
