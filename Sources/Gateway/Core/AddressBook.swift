import Core
import NetworkIO

/// The client addresses that a node knows of: the sockets and streams that each has, and how fast it asks. Any thread.
///
/// It has a record for each address that has a socket, or has asked within the last two seconds; this machine itself
/// has one only where its limits were set. A lock is taken when a socket comes, goes, or asks, never for a message.
package final class AddressBook: Sendable {
    /// Locks, so that workers seldom wait for each other.
    private static let shardCount = 16
    /// Sockets over the limit of an address that still hear so; further ones are closed without a word.
    private static let refusedSocketsMax = 16

    private struct Record {
        var sockets = 0
        var streams = 0
        var rate = RateLimiter()
        /// Of rooms and inboxes.
        var making = RateLimiter()
        /// Of wrong API keys.
        var guesses = RateLimiter()
    }

    private struct Shard {
        var records: [IPAddress: Record] = [:]
        /// Records of addresses that are gone are taken out when there are so many.
        var sweepAt = 1024
    }

    private let limits: AddressLimits
    private let shards: [Locked<Shard>]

    package init(_ limits: AddressLimits) {
        self.limits = limits
        shards = (0..<Self.shardCount).map { _ in Locked(Shard()) }
    }

    /// Records there are.
    package var count: Int { shards.reduce(0) { $0 + $1.withLock { $0.records.count } } }

    /// How a socket of a client stands.
    enum Admission {
        case within
        /// One too many: it hears so, and is closed.
        case over
        /// Far too many: it is closed at once, and not counted.
        case closed
    }

    /// Counts a socket, unless that is `closed`. To be given back with `leave`.
    func enter(_ client: Client) -> Admission {
        guard counts(client), let most = limits.socketsMax else { return .within }
        return withRecord(of: client.address) { record in
            guard record.sockets < most + Self.refusedSocketsMax else { return .closed }
            record.sockets += 1
            return record.sockets <= most ? .within : .over
        }
    }

    /// A socket that was counted has ended.
    func leave(_ client: Client) {
        guard counts(client), limits.socketsMax != nil else { return }
        withRecord(of: client.address) { record in
            assert(record.sockets > 0, "more sockets ended than were counted")
            record.sockets -= 1
        }
    }

    /// Whether a socket of this client is counted, and so must be kept in mind.
    func counts(_ client: Client) -> Bool { !client.isOwn || limits.countsOwnSockets }

    /// Takes a request into the client's rate.
    /// - Parameter now: loop milliseconds.
    /// - Returns: when to come back, in milliseconds, if it is one too many.
    func refusesRequest(of client: Client, at now: Int) -> Int? {
        refuses(limits.requests, client, at: now) { $0.rate.take(now: now * 1_000_000, policy: $1) }
    }

    /// Takes a room or an inbox that is made for a client into its quota.
    /// - Parameter now: loop milliseconds.
    /// - Returns: when to come back, in milliseconds, if it is one too many.
    func refusesMaking(by client: Client, at now: Int) -> Int? {
        refuses(limits.making, client, at: now) { $0.making.take(now: now * 1_000_000, policy: $1) }
    }

    private func refuses(
        _ policy: RatePolicy?, _ client: Client, at now: Int,
        _ take: (inout Record, RatePolicy) -> RateLimiter.Decision
    ) -> Int? {
        guard let policy, !client.isOwn || limits.countsOwnRequests else { return nil }
        return withRecord(of: client.address) { record in
            switch take(&record, policy) {
            case .allowed: nil
            case .refused(let milliseconds): milliseconds
            }
        }
    }

    /// Whether a client has shown wrong API keys too often to be answered now; a wrong one is counted.
    ///
    /// This machine is not slowed: one who errs here would lock out the operator.
    /// - Parameter now: loop milliseconds.
    /// - Returns: when to come back, in milliseconds, if it is refused.
    func refusesKey(of client: Client, isRight: Bool, at now: Int) -> Int? {
        guard !client.isOwn else { return nil }
        return withExistingRecord(of: client.address, makes: !isRight) { record in
            var guesses = record.guesses
            let decision = guesses.take(now: now * 1_000_000, policy: AddressLimits.guesses)
            if !isRight { record.guesses = guesses }
            switch decision {
            case .allowed: return nil
            case .refused(let milliseconds): return milliseconds
            }
        }
    }

    /// Counts a stream of events, unless the client has as many as it may.
    func takeStream(of client: Client) -> Bool {
        guard !client.isOwn else { return true }
        return withRecord(of: client.address) { record in
            guard record.streams < AddressLimits.streamsMax else { return false }
            record.streams += 1
            return true
        }
    }

    /// A stream that was counted has ended.
    func giveBackStream(of client: Client) {
        guard !client.isOwn else { return }
        withRecord(of: client.address) { $0.streams -= 1 }
    }

    private func withRecord<Result>(of address: IPAddress, _ work: (inout Record) -> Result) -> Result {
        shards[shard(of: address)].withLock { shard in
            if shard.records.count >= shard.sweepAt { Self.sweep(&shard, at: Clock.monotonicMilliseconds()) }
            return work(&shard.records[address, default: Record()])
        }
    }

    /// The same for who may have no record.
    /// - Parameter makes: makes one then; else the answer is nil.
    private func withExistingRecord<Result>(
        of address: IPAddress, makes: Bool, _ work: (inout Record) -> Result?
    ) -> Result? {
        if makes { return withRecord(of: address, work) }
        return shards[shard(of: address)].withLock { shard in
            guard var record = shard.records[address] else { return nil }
            defer { shard.records[address] = record }
            return work(&record)
        }
    }

    private func shard(of address: IPAddress) -> Int {
        Int(UInt(bitPattern: address.hashValue) % UInt(Self.shardCount))
    }

    /// Takes out those who have nothing, and may ask as if they had never asked.
    private static func sweep(_ shard: inout Shard, at now: Int) {
        shard.records = shard.records.filter { _, record in
            record.sockets > 0 || record.streams > 0
                || record.rate.isInUse(at: now * 1_000_000) || record.making.isInUse(at: now * 1_000_000)
                || record.guesses.isInUse(at: now * 1_000_000)
        }
        shard.sweepAt = max(1024, shard.records.count * 2)
    }
}
