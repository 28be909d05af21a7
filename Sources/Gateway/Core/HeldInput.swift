/// The input that the connections of one worker hold, in bytes of memory, within the node's budget.
///
/// Only connections that hold something have a place here. Thread: the worker's.
struct HeldInput {
    private let context: NodeContext
    /// By the key of the socket.
    private var bytesByKey: [UInt64: Int] = [:]
    private var bytes = 0

    init(context: NodeContext) { self.context = context }

    /// A connection holds so many bytes now; 0: none, or it is gone.
    @inline(__always)
    mutating func holds(_ now: Int, _ key: UInt64) {
        if now > 0 || !bytesByKey.isEmpty { note(now, key) }
    }

    private mutating func note(_ now: Int, _ key: UInt64) {
        let before = (now > 0 ? bytesByKey.updateValue(now, forKey: key) : bytesByKey.removeValue(forKey: key)) ?? 0
        guard now != before else { return }
        bytes += now - before
        context.budgets.input.add(now - before)
    }

    /// The connection that holds most, when the node holds too much and this worker at least its part of it.
    var excessive: UInt64? {
        let budget = context.budgets.input.bytesMax
        guard context.budgets.input.heldBytes > budget, bytes * context.workerCount >= budget else { return nil }
        return bytesByKey.max { $0.value < $1.value }?.key
    }
}
