import ControlPlane
import NetworkIO

// What a worker does at once when the node is about to run out of something.
extension Worker {
    /// How long hardly anybody new is taken.
    private static let slowMilliseconds = 1_000

    /// Takes hardly anybody new for a while, and closes connections with unsent bytes, the largest backlog first, until no more
    /// than `bytesMax` are left here.
    package func relieve(unsentBytesMax bytesMax: Int) {
        acceptPace.slowDown(until: loop.now + Self.slowMilliseconds)
        paceAccepting()
        var backlogs: [(connection: Connection, bytes: Int)] = []
        var bytes = 0
        for case let connection as Connection in loop.sockets.all where connection.queuedBytes > 0 {
            bytes += connection.queuedBytes
            if connection.isChatting { backlogs.append((connection, connection.queuedBytes)) }
        }
        guard bytes > bytesMax else { return }
        backlogs.sort { $0.bytes > $1.bytes }
        for backlog in backlogs where bytes > bytesMax {
            counters.shed(.backlogs)
            bytes -= backlog.bytes
            backlog.connection.closeAsTooSlow()
        }
    }
}
