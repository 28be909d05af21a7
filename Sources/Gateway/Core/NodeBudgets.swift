import Core
import Synchronization

/// Bounds that the whole node keeps, whoever of its workers comes to them. Any thread.
package struct NodeBudgets: ~Copyable, Sendable {
    package let rooms: RoomCap
    package let stored: StoredBudget
    let addresses: AddressBook
    /// Whether the process used its quota of processor time up at the governor's last sample.
    let isThrottled = Atomic<Bool>(false)

    init(rooms: consuming RoomCap, stored: consuming StoredBudget, addresses: AddressBook) {
        self.rooms = rooms
        self.stored = stored
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
    private static let unknownMemory = 4 << 30

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
