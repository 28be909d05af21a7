import Core

/// The input that the connections of one worker hold, in bytes of memory, within the node's budget and the share of
/// each address.
///
/// Only connections that hold something have a place here. Thread: the worker's.
struct HeldInput {
    private struct Holder {
        var bytes: Int
        /// nil: one that does not count for its address.
        let address: IPAddress?
    }

    private let context: NodeContext
    /// By the key of the socket.
    private var holders: [UInt64: Holder] = [:]
    private var bytes = 0
    private var bytesByAddress: [IPAddress: Int] = [:]
    /// Those that are over their share.
    private var fullAddresses: Set<IPAddress> = []

    init(context: NodeContext) { self.context = context }

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
        context.budgets.input.add(change)
        guard let address = holder.address else { return }
        let sum = bytesByAddress[address, default: 0] + change
        bytesByAddress[address] = sum > 0 ? sum : nil
        if sum > share { fullAddresses.insert(address) } else { fullAddresses.remove(address) }
    }

    /// The share of one address on this worker.
    private var share: Int {
        max(context.budgets.input.addressBytesMax / context.workerCount, context.budgets.input.singleBytesMax)
    }

    /// The connection that must be closed next: of an address over its share the one that holds most; or that one of
    /// all, when the node holds too much and this worker at least its part of it.
    var excessive: UInt64? {
        if let address = fullAddresses.first { return largest { $0.address == address } }
        let budget = context.budgets.input.bytesMax
        guard context.budgets.input.heldBytes > budget, bytes * context.workerCount >= budget else { return nil }
        return largest { _ in true }
    }

    private func largest(where isMeant: (Holder) -> Bool) -> UInt64? {
        holders.filter { isMeant($0.value) }.max { $0.value.bytes < $1.value.bytes }?.key
    }
}
