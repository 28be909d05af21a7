import Core
import Synchronization
import WireProtocol

/// Bounds that the whole node keeps, whoever of its workers comes to them. Any thread.
package struct NodeBudgets: ~Copyable, Sendable {
    package let rooms: RoomCap
    package let stored: StoredBudget
    package let input: HeldBudget
    package let output: HeldBudget
    let addresses: AddressBook
    /// Whether the process used its quota of processor time up at the governor's last sample.
    let isThrottled = Atomic<Bool>(false)

    init(
        rooms: consuming RoomCap, stored: consuming StoredBudget, input: HeldBudget, output: HeldBudget,
        addresses: AddressBook
    ) {
        self.rooms = rooms
        self.stored = stored
        self.input = input
        self.output = output
        self.addresses = addresses
    }
}

/// How many bytes of memory the node's stored messages may take, histories and inboxes together. Any thread.
///
/// Past `bytesMax` the biggest holders let go of their oldest messages. What may not go (pending directs, operators'
/// rooms) can hold more; from `bytesMost` on, and when the process comes too near to its memory limit, nothing more is
/// taken.
package struct StoredBudget: ~Copyable, Sendable {
    /// STORED_BYTES_MAX.
    package let bytesMax: Int
    /// So much may be held until the kernel's figures are read again, so that the memory limit is not passed meanwhile.
    private let allowance = Atomic<Int>(.max)

    /// Taken for a memory limit that is not known.
    fileprivate static let unknownMemory = 4 << 30

    /// - Parameters:
    ///   - configured: STORED_BYTES_MAX; nil: a quarter of the memory limit.
    ///   - memoryMax: the memory limit, in bytes; nil: not known.
    init(configured: Int?, memoryMax: Int?) {
        bytesMax = configured ?? max((memoryMax ?? Self.unknownMemory) / 4, Setting.storedBytesLeast)
    }

    /// A quarter more than `bytesMax`: publishing is refused from here on.
    var bytesMost: Int { bytesMax + bytesMax / 4 }
    /// The part of it that inboxes may hold; beyond, they give what nobody waits for.
    var inboxBytesMax: Int { bytesMax / 2 }
    /// Directs are refused from here on, so that those that wait can't take all of the budget from rooms.
    var inboxBytesMost: Int { inboxBytesMax + bytesMax / 8 }
    /// Message ids that the node remembers at most: a quarter more than the budget, at 40 bytes for each.
    var idsMax: Int { bytesMax / 4 / 40 }

    /// The memory limit leaves no place for more than this. Set by the governor at each sample.
    func allow(_ bytes: Int) { allowance.store(bytes, ordering: .relaxed) }

    var allowed: Int { min(bytesMost, allowance.load(ordering: .relaxed)) }
}

/// How many bytes of memory the node's connections may take for one purpose: for input that is not handled yet, or for
/// output that is not out. Any thread.
package final class HeldBudget: Sendable {
    /// Of all connections.
    package let bytesMax: Int
    /// The share of one address' connections, on all workers together.
    package let addressBytesMax: Int
    /// One connection must be able to hold so much, whatever the shares are.
    package let singleBytesMax: Int
    private let held = Atomic<Int>(0)
    private let closed = Atomic<Int>(0)

    static let leastBytes = 4 << 20
    /// Enough for 500 people behind one address who all send a large message, or get one, over a slow line.
    private static let addressBytes = 32 << 20

    /// - Parameters:
    ///   - part: the part of the memory limit.
    ///   - memoryMax: the memory limit, in bytes; nil: not known.
    ///   - leastBytes: what it is at least.
    private init(part: Int, memoryMax: Int?, leastBytes: Int, singleBytesMax: Int) {
        bytesMax = max((memoryMax ?? StoredBudget.unknownMemory) / part, leastBytes)
        self.singleBytesMax = singleBytesMax
        addressBytesMax = min(bytesMax, max(Self.addressBytes, singleBytesMax))
    }

    /// For messages, heads and bodies that have not come whole, and what waits for an answer or a turn: an eighth of
    /// the memory limit.
    /// - Parameter messageBytesMax: one message of this size must find place.
    static func input(memoryMax: Int?, messageBytesMax: Int) -> HeldBudget {
        HeldBudget(
            part: 8, memoryMax: memoryMax, leastBytes: leastBytes + 2 * messageBytesMax,
            singleBytesMax: 2 * max(messageBytesMax, HTTPLimits().bodyBytesMax))
    }

    /// For what the kernel did not take: a quarter of the memory limit, at which the governor's signal is full.
    /// - Parameter queueBytesMax: SEND_QUEUE_BYTES; one queue of this size must find place.
    static func output(memoryMax: Int?, queueBytesMax: Int) -> HeldBudget {
        HeldBudget(
            part: 4, memoryMax: memoryMax, leastBytes: leastBytes + 2 * queueBytesMax,
            singleBytesMax: 2 * queueBytesMax)
    }

    package var heldBytes: Int { held.load(ordering: .relaxed) }
    /// Connections that were closed because they held most, when all of the node or of an address held too much.
    package var closedCount: Int { closed.load(ordering: .relaxed) }

    func add(_ bytes: Int) { held.wrappingAdd(bytes, ordering: .relaxed) }
    func countClosed() { closed.wrappingAdd(1, ordering: .relaxed) }
}

/// How many rooms a node has in memory, MAX_ROOMS at most. Any thread.
package struct RoomCap: ~Copyable, Sendable {
    package let most: Int
    private let taken = Atomic<Int>(0)

    init(most: Int) { self.most = most }

    package var count: Int { taken.load(ordering: .relaxed) }

    /// Counts one more; false when there are as many as may be.
    func take() -> Bool {
        guard taken.wrappingAdd(1, ordering: .relaxed).newValue > most else { return true }
        giveBack()
        return false
    }

    /// The error for who would make one more.
    var fullText: String { "the node has \(most) rooms, which is as many as it takes (MAX_ROOMS)" }

    func giveBack() { taken.wrappingSubtract(1, ordering: .relaxed) }
}
