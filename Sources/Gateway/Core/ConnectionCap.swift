import Synchronization

/// How many WebSocket connections a node may have, and how many it has. Any thread.
package struct ConnectionCap: ~Copyable, Sendable {
    /// The most: MAX_CONNECTIONS, or fewer when the open-file limit leaves fewer.
    package let most: Int
    /// The open-file limit of the process.
    package let openFilesMax: Int
    private let taken = Atomic<Int>(0)

    init(most: Int, openFilesMax: Int) {
        self.most = most
        self.openFilesMax = openFilesMax
    }

    /// Connections that are counted now. One that is refused is counted until it is closed.
    package var count: Int { taken.load(ordering: .relaxed) }

    /// Counts connections; whether the node may have them.
    func take(_ count: Int = 1) -> Bool { taken.wrappingAdd(count, ordering: .relaxed).newValue <= most }

    /// A connection that was counted has ended.
    func giveBack() { taken.wrappingSubtract(1, ordering: .relaxed) }
}
