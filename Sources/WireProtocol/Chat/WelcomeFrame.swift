import Core

/// The first frame of a connection.
package struct WelcomeFrame: Sendable {
    package let node: String
    /// The node's worker and the connection's number there: with the node they name the connection.
    package let worker: Int
    package let connection: UInt64
    package let user: Identifier
    package let device: Identifier
    package let tier: StaticString
    /// How the node stands to a cluster: "single", "cluster" or "degraded".
    package let mode: StaticString
    package let heartbeatMilliseconds: Int
    package let messageBytesMax: Int
    package let messagesPerSecond: Int
    package let session: SessionState
    package let inbox: InboxState
    package let reconnect: ClosedRange<Int>
    /// When the connection's token ends, Unix milliseconds; nil: it has none.
    package let tokenExpiresAt: Int?

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
        node: String, worker: Int, connection: UInt64, user: Identifier, device: Identifier,
        tier: StaticString, mode: StaticString,
        heartbeatMilliseconds: Int, messageBytesMax: Int, messagesPerSecond: Int, session: SessionState,
        inbox: InboxState,
        reconnect: ClosedRange<Int>, tokenExpiresAt: Int? = nil
    ) {
        self.node = node
        self.worker = worker
        self.connection = connection
        self.user = user
        self.device = device
        self.tier = tier
        self.mode = mode
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.messageBytesMax = messageBytesMax
        self.messagesPerSecond = messagesPerSecond
        self.session = session
        self.inbox = inbox
        self.reconnect = reconnect
        self.tokenExpiresAt = tokenExpiresAt
    }
}

extension JSONWriter {
    package mutating func welcome(_ frame: WelcomeFrame) {
        removeAll()
        fragment(#"{"type":"welcome","node":"#)
        string(frame.node)
        fragment(#","connection":"#)
        string(frame.node, frame.worker, frame.connection)
        fragment(#","user":"#)
        string(frame.user)
        fragment(#","device":"#)
        string(frame.device)
        fragment(#","tier":"#)
        string(frame.tier)
        fragment(#","mode":"#)
        string(frame.mode)
        fragment(#","heartbeat_ms":"#)
        number(frame.heartbeatMilliseconds)
        fragment(#","limits":{"message_bytes":"#)
        number(frame.messageBytesMax)
        fragment(#","messages_per_second":"#)
        number(frame.messagesPerSecond)
        fragment(#"},"session":{"id":"#)
        string(frame.session.id)
        member("resumed", frame.session.isResumed)
        member("message_count", frame.session.messageCount)
        if let lastActiveAt = frame.session.lastActiveAt {
            member("last_active_at", lastActiveAt)
        }
        endObject()
        fragment(#","inbox":{"epoch":"#)
        string(frame.inbox.position.epoch)
        fragment(#","seq":"#)
        number(frame.inbox.position.seq)
        fragment(#","pending":"#)
        number(frame.inbox.pending)
        endObject()
        reconnect(frame.reconnect)
        if let expiresAt = frame.tokenExpiresAt { member("expires_at", expiresAt) }
        endObject()
    }
}
