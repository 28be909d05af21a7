import Foundations
import Synchronization

/// What a user did over all connections since the first of them came; kept for a while after the last one went.
///
/// Any thread: the counters are atomics that only rise.
package final class Session: Sendable {
    /// The session's name for clients.
    package let id: String
    package let user: Identifier
    private let messages = Atomic<Int>(0)
    private let lastActive = Atomic<Int>(0)

    package init(id: String, user: Identifier) {
        self.id = id
        self.user = user
    }

    /// Committed room and direct messages.
    package var messageCount: Int { messages.load(ordering: .relaxed) }
    /// Unix milliseconds of the last commit, connect or disconnect; 0 before the first.
    package var lastActiveAt: Int { lastActive.load(ordering: .relaxed) }

    package func messageCommitted(at time: Int) {
        messages.wrappingAdd(1, ordering: .relaxed)
        lastActive.store(time, ordering: .relaxed)
    }

    package func touched(at time: Int) { lastActive.store(time, ordering: .relaxed) }
}

/// The facts of one connection, which do not change while it lives: one object that its worker, its user's home and
/// the homes of its rooms share.
package final class ConnectionInfo: Sendable {
    package let session: Session
    package let device: Identifier
    /// At most 32 bytes.
    package let deviceType: String?
    /// The worker that the connection belongs to.
    package let worker: Int
    /// The connection's key among the worker's sockets.
    package let socketKey: UInt64
    /// Unix milliseconds.
    package let connectedAt: Int

    package init(
        session: Session, device: Identifier, deviceType: String?, worker: Int, socketKey: UInt64, connectedAt: Int
    ) {
        self.session = session
        self.device = device
        self.deviceType = deviceType
        self.worker = worker
        self.socketKey = socketKey
        self.connectedAt = connectedAt
    }

    package var user: Identifier { session.user }
}
