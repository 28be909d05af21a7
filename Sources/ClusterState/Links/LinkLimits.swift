/// Bounds of links.
package enum LinkLimits {
    /// Links of a cluster, at most.
    package static let linksMax = 10_000
    /// Links that one request claims, gives back or restores, at most: some 100 KB.
    package static let batchMax = 250
    /// How long leases are kept after the last beat of all nodes: longer than any of them counts, and than any node
    /// waits between two beats.
    static let leasesKeptMilliseconds = 600_000
    /// A name for people, in bytes.
    package static let nameBytesMax = 128
    package static let urlBytesMax = 2048
    package static let headersMax = 16
    package static let headerBytesMax = 4096
    /// Seconds between two pings to the remote server.
    package static let heartbeatSeconds = 1...300
    /// Seconds that a link waits before it is dialled after a take-over.
    package static let cooldownSeconds = 0...300
    /// An id: the user of what it says is called `link:` and this.
    package static let idBytesMax = 123
    /// Messages that a link takes into its room per second; what is more waits at the remote server.
    package static let messagesPerSecond = 1_000
    /// Messages of a link that wait for their places in the room, at most.
    package static let inFlightMax = 256
    /// Bytes that wait for a slow remote server, before the room's further messages wait in its history.
    package static let sendQueueBytes = 64 * 1024
}
