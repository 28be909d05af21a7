/// The sockets of one loop by slot: small numbers that are used again.
///
/// Held in plain memory, because an array in the loop would be retained and released at every look.
/// Owned by the loop, which calls `deallocate` at its end.
package struct SocketTable {
    private var slots: UnsafeMutableBufferPointer<Socket?>
    /// Slots that were given out at some time.
    private var slotCount = 0
    /// Rises each time a slot is given out, so that an event or a message for a former socket finds nobody.
    private var generation: UInt32 = 0
    private var free: ContiguousArray<UInt32> = []
    private var closed: ContiguousArray<UInt32> = []

    /// Sockets that are open.
    package private(set) var count = 0

    init() {
        slots = .allocate(capacity: 64)
        slots.initialize(repeating: nil)
    }

    /// Lets go of the sockets and the memory.
    func deallocate() {
        slots.deinitialize()
        slots.deallocate()
    }

    /// Takes `socket` in and gives it its slot.
    mutating func insert(_ socket: Socket) {
        let slot: UInt32
        if let last = free.popLast() {
            slot = last
        } else {
            slot = UInt32(slotCount)
            slotCount += 1
            if slotCount > slots.count { grow() }
        }
        slots[Int(slot)] = socket
        generation &+= 1
        socket.slot = slot
        socket.generation = generation
        count += 1
    }

    private mutating func grow() {
        // By half: what is not used yet costs nothing until it is written.
        let larger = UnsafeMutableBufferPointer<Socket?>.allocate(capacity: slots.count * 3 / 2)
        let filled = larger.moveInitialize(fromContentsOf: slots)
        larger[filled...].initialize(repeating: nil)
        slots.deallocate()
        slots = larger
    }

    /// Marks a socket as gone. Its slot is used again only after this turn.
    mutating func remove(_ socket: Socket) {
        guard slots[Int(socket.slot)] === socket else { return }
        slots[Int(socket.slot)] = nil
        closed.append(socket.slot)
        count -= 1
        assert(count >= 0, "more sockets were taken out than put in")
    }

    mutating func releaseClosed() {
        guard !closed.isEmpty else { return }
        free.append(contentsOf: closed)
        closed.removeAll(keepingCapacity: true)
    }

    /// The socket in a slot.
    package func at(_ slot: UInt32) -> Socket? { Int(slot) < slots.count ? slots[Int(slot)] : nil }

    /// The socket with this key, unless it is gone.
    package func find(_ key: UInt64) -> Socket? {
        guard let socket = at(UInt32(truncatingIfNeeded: key)) else { return nil }
        return socket.generation == UInt32(key >> 32) ? socket : nil
    }

    /// All open sockets.
    package var all: [Socket] { slots.compactMap { $0 } }
}
