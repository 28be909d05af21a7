import Core
import Synchronization

/// The facts of one connection, which do not change while it lives, and what it committed: one object that its
/// worker, its user's home and the homes of its rooms share.
///
/// Any thread: the counters are atomics that only rise.
package final class ConnectionInfo: Sendable {
    /// A later time is none: 2^46 Unix milliseconds, in the year 4199.
    package static let timeMax = 1 << 46

    package let user: Identifier
    package let device: Identifier
    private let type: DeviceType?
    /// The connection's key among its worker's sockets.
    package let socketKey: UInt64
    /// Unix milliseconds above, and in the lowest 17 bits the worker (12), the window (4), and whether the device was
    /// named.
    private let connectedAtAndWorker: UInt64
    /// The number of the user at its home, should this be the user's first connection.
    package let userNumber: UInt32
    private let commits = Atomic<UInt32>(0)
    private let committedAt = Atomic<Int>(0)

    /// A box, because most devices name no type and a pointer is all that it costs them.
    private final class DeviceType: Sendable {
        let name: String
        init(_ name: String) { self.name = name }
    }

    /// - Parameters:
    ///   - deviceType: at most 32 bytes.
    ///   - worker: below 4096.
    ///   - connectedAt: Unix milliseconds, at most `timeMax`.
    ///   - windowBits: at most 15.
    ///   - isDeviceNamed: whether the client gave the device its name.
    package init(
        user: Identifier, device: Identifier, deviceType: String?, worker: Int, socketKey: UInt64, connectedAt: Int,
        userNumber: UInt32, windowBits: Int = 0, isDeviceNamed: Bool = false
    ) {
        self.user = user
        self.device = device
        type = deviceType.map(DeviceType.init)
        self.socketKey = socketKey
        precondition(worker >> 12 == 0 && windowBits >> 4 == 0, "more workers or a larger window than there can be")
        connectedAtAndWorker =
            UInt64(connectedAt) << 17 | UInt64((isDeviceNamed ? 1 : 0) << 16 | windowBits << 12 | worker)
        self.userNumber = userNumber
    }

    package var deviceType: String? { type?.name }
    /// The worker that the connection belongs to.
    package var worker: Int { Int(connectedAtAndWorker & 0xFFF) }
    /// Unix milliseconds.
    package var connectedAt: Int { Int(connectedAtAndWorker >> 17) }
    /// The client gave the device its name, so that it can come again; else the server made one for this connection.
    package var isDeviceNamed: Bool { connectedAtAndWorker >> 16 & 1 == 1 }
    /// The device, if it can come again.
    package var namedDevice: Identifier? { isDeviceNamed ? device : nil }
    /// The window that was agreed for compressed messages to this connection, as a base-2 logarithm; 0: none may be
    /// sent.
    package var windowBits: Int { Int(connectedAtAndWorker >> 12 & 0xF) }
    /// Room and direct messages that it committed.
    package var commitCount: Int { Int(commits.load(ordering: .relaxed)) }
    /// When it last did something for its session, in Unix milliseconds.
    package var lastActiveAt: Int { max(connectedAt, committedAt.load(ordering: .relaxed)) }

    package func messageCommitted(at time: Int) {
        commits.wrappingAdd(1, ordering: .relaxed)
        committedAt.store(time, ordering: .relaxed)
    }
}
