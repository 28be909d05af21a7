import Foundations

/// The first frame of a connection.
package struct WelcomeFrame: Sendable {
    package let node: String
    package let connection: String
    package let user: Identifier
    package let device: Identifier
    package let heartbeatMilliseconds: Int
    package let messageBytesMax: Int
    package let messagesPerSecond: Int
    package let session: SessionState
    package let inbox: InboxState
    package let reconnect: ClosedRange<Int>

    package struct SessionState: Sendable {
        package let id: String
        package let isResumed: Bool
        package let messageCount: Int
        package let lastActiveAt: Int?

        package init(id: String, isResumed: Bool, messageCount: Int, lastActiveAt: Int?) {
            self.id = id
            self.isResumed = isResumed
            self.messageCount = messageCount
            self.lastActiveAt = lastActiveAt
        }
    }

    package struct InboxState: Sendable {
        package let position: Position
        package let pending: Int

        package init(position: Position, pending: Int) {
            self.position = position
            self.pending = pending
        }
    }

    package init(
        node: String, connection: String, user: Identifier, device: Identifier, heartbeatMilliseconds: Int,
        messageBytesMax: Int, messagesPerSecond: Int, session: SessionState, inbox: InboxState,
        reconnect: ClosedRange<Int>
    ) {
        self.node = node
        self.connection = connection
        self.user = user
        self.device = device
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.messageBytesMax = messageBytesMax
        self.messagesPerSecond = messagesPerSecond
        self.session = session
        self.inbox = inbox
        self.reconnect = reconnect
    }
}

extension JSONWriter {
    package mutating func welcome(_ frame: WelcomeFrame) {
        begin("welcome")
        name("node")
        string(frame.node)
        name("connection")
        string(frame.connection)
        name("user")
        string(frame.user)
        name("device")
        string(frame.device)
        name("tier")
        string("normal" as StaticString)
        name("mode")
        string("single" as StaticString)
        name("heartbeat_ms")
        number(frame.heartbeatMilliseconds)
        name("limits")
        beginObject()
        name("message_bytes")
        number(frame.messageBytesMax)
        name("messages_per_second")
        number(frame.messagesPerSecond)
        endObject()
        name("session")
        beginObject()
        name("id")
        string(frame.session.id)
        name("resumed")
        bool(frame.session.isResumed)
        name("message_count")
        number(frame.session.messageCount)
        if let lastActiveAt = frame.session.lastActiveAt {
            name("last_active_at")
            number(lastActiveAt)
        }
        endObject()
        name("inbox")
        beginObject()
        name("epoch")
        string(frame.inbox.position.epoch)
        name("seq")
        number(frame.inbox.position.seq)
        name("pending")
        number(frame.inbox.pending)
        endObject()
        reconnect(frame.reconnect)
        endObject()
    }
}
