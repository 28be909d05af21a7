import Synchronization

/// How many connections a node may have, and how many it has. Any thread.
package struct ConnectionCap: ~Copyable, Sendable {
    /// Sockets beyond the most, for which descriptors are kept: they get `/health` and `/ready`, operators on this
    /// machine are served, and all others hear that the node is full.
    package static let reserve = 32

    /// The most: MAX_CONNECTIONS, or fewer when the open-file limit leaves fewer.
    package let most: Int
    /// The open-file limit of the process.
    package let openFilesMax: Int
    private let chatting = Atomic<Int>(0)
    private let open = Atomic<Int>(0)

    init(most: Int, openFilesMax: Int) {
        self.most = most
        self.openFilesMax = openFilesMax
    }

    /// WebSockets in rooms, or on their way there.
    package var count: Int { chatting.load(ordering: .relaxed) }
    /// Sockets of clients, whatever is spoken over them.
    package var sockets: Int { open.load(ordering: .relaxed) }

    /// How a socket stands.
    enum Admission {
        case within
        /// One of the reserve.
        case over
        /// Not even the reserve has room: it is closed at once, and not counted.
        case closed
    }

    /// Counts a socket, unless that is `closed`. To be given back with `leave`.
    func enter() -> Admission {
        let place = open.add(1, ordering: .relaxed).newValue
        if place <= most { return .within }
        if place <= most + Self.reserve { return .over }
        leave()
        return .closed
    }

    /// A socket that was counted has ended.
    func leave() { open.subtract(1, ordering: .relaxed) }

    /// Counts WebSockets.
    func take(_ count: Int = 1) { chatting.add(count, ordering: .relaxed) }

    /// A WebSocket that was counted has ended.
    func giveBack() { chatting.subtract(1, ordering: .relaxed) }
}
