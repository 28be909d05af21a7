/// The sockets of one loop by slot: small numbers that are used again.
package struct SocketTable {
    private var sockets: ContiguousArray<Socket?> = []
    /// Rises each time a slot is given out, so that an event or a letter for a former socket finds nobody.
    private var generations: ContiguousArray<UInt32> = []
    private var free: ContiguousArray<UInt32> = []
    private var closed: ContiguousArray<UInt32> = []

    /// Sockets that are open.
    package private(set) var count = 0

    package init() {}

    /// Takes `socket` in and gives it its slot.
    mutating func insert(_ socket: Socket) {
        let slot: UInt32
        if let last = free.popLast() {
            slot = last
            sockets[Int(slot)] = socket
        } else {
            slot = UInt32(sockets.count)
            sockets.append(socket)
            generations.append(0)
        }
        generations[Int(slot)] &+= 1
        socket.slot = slot
        count += 1
    }

    /// Marks a socket as gone. Its slot is used again only after this turn.
    mutating func remove(_ socket: Socket) {
        guard sockets[Int(socket.slot)] === socket else { return }
        sockets[Int(socket.slot)] = nil
        closed.append(socket.slot)
        count -= 1
    }

    mutating func releaseClosed() {
        guard !closed.isEmpty else { return }
        free.append(contentsOf: closed)
        closed.removeAll(keepingCapacity: true)
    }

    /// The socket in a slot.
    package func at(_ slot: UInt32) -> Socket? {
        Int(slot) < sockets.count ? sockets[Int(slot)] : nil
    }

    /// What names the socket that is in a slot now.
    func key(of slot: UInt32) -> UInt64 { UInt64(generations[Int(slot)]) << 32 | UInt64(slot) }

    /// The socket with this key, unless it is gone.
    package func find(_ key: UInt64) -> Socket? {
        let slot = UInt32(truncatingIfNeeded: key)
        guard Int(slot) < sockets.count, generations[Int(slot)] == UInt32(key >> 32) else { return nil }
        return sockets[Int(slot)]
    }

    /// All open sockets.
    package var all: [Socket] { sockets.compactMap { $0 } }
}
