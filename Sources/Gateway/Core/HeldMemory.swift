import Core

/// The memory that the connections of one worker hold for one purpose, input or output, in bytes, within the node's
/// budget and the share of each address.
///
/// Only connections that hold something have a place here. Thread: the worker's.
struct HeldMemory {
    private struct Holder {
        var bytes: Int
        /// nil: one that does not count for its address.
        let address: IPAddress?
    }

    private let budget: HeldBudget
    private let workerCount: Int
    /// By the key of the socket.
    private var holders: [UInt64: Holder] = [:]
    private var bytes = 0
    private var bytesByAddress: [IPAddress: Int] = [:]
    /// Those that are over their share.
    private var fullAddresses: Set<IPAddress> = []

    init(_ budget: HeldBudget, workerCount: Int) {
        (self.budget, self.workerCount) = (budget, workerCount)
    }

    /// Nobody holds anything.
    @inline(__always)
    var isEmpty: Bool { holders.isEmpty }

    /// A connection holds so many bytes now; 0: none, or it is gone.
    /// - Parameter address: for which it counts; nil for none.
    @inline(__always)
    mutating func holds(_ now: Int, _ key: UInt64, of address: IPAddress? = nil) {
        if now > 0 || !holders.isEmpty { note(now, key, address) }
    }

    private mutating func note(_ now: Int, _ key: UInt64, _ address: IPAddress?) {
        let former = holders[key]
        let change = now - (former?.bytes ?? 0)
        guard change != 0 else { return }
        // The first one stands: an address that is found out later would leave a remainder with the other.
        let holder = Holder(bytes: now, address: former == nil ? address : former?.address)
        holders[key] = now > 0 ? holder : nil
        bytes += change
        budget.add(change)
        guard let address = holder.address else { return }
        let sum = bytesByAddress[address, default: 0] + change
        bytesByAddress[address] = sum > 0 ? sum : nil
        if sum > share { fullAddresses.insert(address) } else { fullAddresses.remove(address) }
    }

    /// The share of one address on this worker.
    private var share: Int { max(budget.addressBytesMax / workerCount, budget.singleBytesMax) }

    /// Whether an address holds more than half of its share: then what makes it hold more waits.
    func isHalfFull(_ address: IPAddress?) -> Bool {
        guard let address, let sum = bytesByAddress[address] else { return false }
        return sum > share / 2
    }

    /// The connection that must be closed next: of an address over its share the one that holds most; or that one of
    /// all, when the node holds too much and this worker at least its part of it.
    @inline(__always)
    var excessive: UInt64? { isEmpty ? nil : findExcessive() }

    private func findExcessive() -> UInt64? {
        if let address = fullAddresses.first { return largest { $0.address == address } }
        guard budget.heldBytes > budget.bytesMax, bytes * workerCount >= budget.bytesMax else { return nil }
        return largest { _ in true }
    }

    private func largest(where isMeant: (Holder) -> Bool) -> UInt64? {
        holders.filter { isMeant($0.value) }.max { $0.value.bytes < $1.value.bytes }?.key
    }
}
