import NetworkIO
import RedisLink

/// The drills that there are, with what each takes.
package enum DrillKind {
    /// The processors of this machine are burnt by so many threads.
    case cpu(threads: Int)
    /// The node's memory is filled up to a share of its limit; where none is set, with so many bytes at most, nil: not
    /// at all.
    case memory(target: Double, bytesWithoutLimit: Int?)
    /// Connections are opened up to a share of what the node may have.
    case files(target: Double)
    /// Members do not read what is published. At most `slowReadersMax`.
    case slowReaders(count: Int, messagesPerSecond: Int)
    /// The node's Redis stands still.
    case redis(RedisOptions, at: SocketAddress)

    package static var slowReadersMax: Int { SlowReaders.membersMax }
    /// For the connect to Redis, and for each of its replies.
    package static var redisTimeoutMilliseconds: Int { RedisPause.timeoutMilliseconds }

    func strain(at site: DrillSite) -> any Strain {
        switch self {
        case .cpu(let threads): ComputingThreads(count: threads)
        case .memory(let target, let bytes): MemoryFill(at: site, target: target, bytesWithoutLimit: bytes)
        case .files(let target): OpenConnections(at: site, target: target)
        case .slowReaders(let count, let rate): SlowReaders(at: site, count: count, messagesPerSecond: rate)
        case .redis(let options, let address): RedisPause(site, options, at: address)
        }
    }
}
