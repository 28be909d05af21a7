import Core

/// The TLS handshakes that a worker's connections have not ended: no more than a few, as each has tens of kilobytes
/// of memory and costs its peer nothing.
///
/// Over the bound the oldest goes and not the newest: clients that mean it are through in a moment, and so whoever
/// wants to keep them out must be faster than they are. A value; its owner closes the connections that it hands out.
struct PendingHandshakes {
    /// Of a node, over all workers.
    static let nodeMax = 1024
    private static let workerLeast = 64

    let most: Int
    /// Their sockets' keys, oldest first, and between them those of handshakes that have ended.
    private var keys = FIFO<UInt64>()

    init(workers: Int) { most = max(Self.nodeMax / workers, Self.workerLeast) }

    /// One more began; gives the key of one that must go.
    /// - Parameter isPending: whether the handshake of the socket with this key has not ended.
    mutating func began(_ key: UInt64, isPending: (UInt64) -> Bool) -> UInt64? {
        keys.append(key)
        guard keys.count > most else { return nil }
        // As long as they end in time, this is done for one of many.
        for _ in 0..<keys.count {
            let key = keys.removeFirst()
            if isPending(key) { keys.append(key) }
        }
        return keys.count > most ? keys.popFirst() : nil
    }
}
