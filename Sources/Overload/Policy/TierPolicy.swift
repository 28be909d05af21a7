/// The features and limits of a tier, as one value that every worker has a copy of: shed points read it and ask nobody.
///
/// The columns below are the one table of tiers and features, and `Feature.mitigates` says which resources' tier each
/// row goes by; `/docs` shows both through `TierTable`. Each feature is given up before one that its users would miss
/// more.
/// Light refuses nobody, delays nothing and lowers no rate: it is there so that its users do not notice.
package struct TierPolicy: Sendable, Equatable {
    /// Who is notified that somebody types.
    package enum Typing: Sendable, Equatable {
        case each
        /// Each author at most once in so long, and only rooms of at most so many users are notified.
        case paced(everyMilliseconds: Int, usersMax: Int)
        case off
    }

    /// How rooms are notified of who comes and goes.
    package enum Presence: Sendable, Equatable {
        case each
        /// Rooms of more users than these get a count, at most once in so long, instead of each change.
        case counts(everyMilliseconds: Int, usersAbove: Int)
        /// Nothing; a count when the tier is left.
        case off
    }

    /// How rooms are notified of read marks. What is sent late is each user's latest mark.
    package enum ReadMarks: Sendable, Equatable {
        case each
        case batched(everyMilliseconds: Int)
        /// Kept and sent when the tier is left.
        case kept
    }

    /// How room messages get into Redis. Direct messages are always sent at once and stored.
    package enum Storage: Sendable, Equatable {
        case every
        /// Every message gets its place and is delivered; one of so many is stored.
        case sampled(oneOf: Int)
    }

    /// How many new connections are let in.
    package enum NewConnections: Sendable, Equatable {
        case all
        /// So many per thousand of the rate that was measured before; those that resume come first.
        case share(perThousand: Int)
        /// The same, and only those that resume; the others get 503 before the upgrade.
        case resumesOnly(perThousand: Int)
    }

    /// How far the HTTP API answers.
    package enum HTTP: Sendable, Equatable {
        case all
        /// Lists come from a copy that is at most so old.
        case cachedLists(milliseconds: Int)
        /// Pages and lists come from such a copy.
        case cachedReads(milliseconds: Int)
        /// Only health, ready, status, events, metrics, tier, publishing and deleting.
        case essential
    }

    /// The tiers that it follows from.
    package let tiers: ResourceTiers
    package let typing: Typing
    package let presence: Presence
    package let readMarks: ReadMarks
    /// Messages or users that one read answers at most; nil: reads are suspended, resuming is not.
    package let readsMax: Int?
    package let storage: Storage
    /// MESSAGES_PER_SECOND is divided by this; one per second stays.
    package let messageRateDivisor: Int
    /// Connections per second that a worker takes from its listener; the others wait in the kernel's backlog, and none
    /// is refused for it. nil: as they come.
    package let acceptsPerSecond: Int?
    package let newConnections: NewConnections
    /// Larger messages are refused with `too_large`; nil: MAX_MESSAGE_BYTES holds alone.
    package let messageBytesMax: Int?
    /// How far apart the rounds are in which a worker reads and writes; 0: it does so as things come.
    package let roundMilliseconds: Int
    /// SEND_QUEUE_BYTES is divided by this.
    package let sendQueueDivisor: Int
    /// The heartbeat interval is at least this.
    package let heartbeatMillisecondsMin: Int
    package let http: HTTP
    /// Whether messages are compressed for those who agreed to it; they take them plain as well.
    package let compresses: Bool

    /// The node's tier.
    package var tier: Tier { tiers.highest }

    /// The whole column of a tier.
    package static func of(_ tier: Tier) -> TierPolicy {
        switch tier {
        case .normal: normal
        case .light: light
        case .moderate: moderate
        case .heavy: heavy
        }
    }

    /// Each row at the tier of what it mitigates.
    package static func of(_ tiers: ResourceTiers) -> TierPolicy {
        func column(_ feature: Feature) -> TierPolicy { .of(tiers.highest(of: feature.mitigates)) }
        return TierPolicy(
            tiers: tiers, typing: column(.typing).typing, presence: column(.presence).presence,
            readMarks: column(.readMarks).readMarks, readsMax: column(.reads).readsMax,
            storage: column(.storage).storage, messageRateDivisor: column(.messageRate).messageRateDivisor,
            acceptsPerSecond: column(.accepting).acceptsPerSecond,
            newConnections: column(.newConnections).newConnections,
            messageBytesMax: column(.messageBytes).messageBytesMax,
            roundMilliseconds: column(.rounds).roundMilliseconds, sendQueueDivisor: column(.sendQueue).sendQueueDivisor,
            heartbeatMillisecondsMin: column(.heartbeat).heartbeatMillisecondsMin, http: column(.http).http,
            compresses: column(.compression).compresses)
    }

    private static let normal = TierPolicy(
        tiers: ResourceTiers(all: .normal), typing: .each, presence: .each, readMarks: .each, readsMax: 500,
        storage: .every, messageRateDivisor: 1, acceptsPerSecond: nil, newConnections: .all, messageBytesMax: nil,
        roundMilliseconds: 0, sendQueueDivisor: 1, heartbeatMillisecondsMin: 0, http: .all, compresses: true)

    private static let light = TierPolicy(
        tiers: ResourceTiers(all: .light), typing: .paced(everyMilliseconds: 3_000, usersMax: 200),
        presence: .counts(everyMilliseconds: 2_000, usersAbove: 50), readMarks: .batched(everyMilliseconds: 2_000),
        readsMax: 100, storage: .every, messageRateDivisor: 1, acceptsPerSecond: 1_000, newConnections: .all,
        messageBytesMax: nil, roundMilliseconds: 0, sendQueueDivisor: 2, heartbeatMillisecondsMin: 0,
        http: .cachedLists(milliseconds: 5_000), compresses: true)

    // Rounds form by themselves, as long as the queue delay asks for: `AdaptiveBatching`.
    private static let moderate = TierPolicy(
        tiers: ResourceTiers(all: .moderate), typing: .off,
        presence: .counts(everyMilliseconds: 10_000, usersAbove: 0), readMarks: .batched(everyMilliseconds: 10_000),
        readsMax: 20, storage: .every, messageRateDivisor: 2, acceptsPerSecond: 1_000,
        newConnections: .share(perThousand: 100), messageBytesMax: 16 * 1024, roundMilliseconds: 0,
        sendQueueDivisor: 4, heartbeatMillisecondsMin: 60_000, http: .cachedReads(milliseconds: 5_000),
        compresses: false)

    private static let heavy = TierPolicy(
        tiers: ResourceTiers(all: .heavy), typing: .off, presence: .off, readMarks: .kept, readsMax: nil,
        storage: .sampled(oneOf: 10), messageRateDivisor: 10, acceptsPerSecond: 1_000,
        newConnections: .resumesOnly(perThousand: 10), messageBytesMax: 4 * 1024, roundMilliseconds: 50,
        sendQueueDivisor: 16, heartbeatMillisecondsMin: 90_000, http: .essential, compresses: false)
}

// What is asked of the table.
extension TierPolicy {
    /// Messages per second that a connection may send.
    /// - Parameter configured: MESSAGES_PER_SECOND.
    package func messagesPerSecond(of configured: Int) -> Int { max(1, configured / messageRateDivisor) }

    /// - Parameter configured: MAX_MESSAGE_BYTES.
    package func messageBytesMax(of configured: Int) -> Int { min(configured, messageBytesMax ?? configured) }

    /// Bytes that may wait for one connection.
    /// - Parameter configured: SEND_QUEUE_BYTES.
    package func sendQueueBytesMax(of configured: Int) -> Int {
        max(configured / sendQueueDivisor, min(configured, 4096))
    }

    /// Milliseconds between two pings.
    /// - Parameters:
    ///   - interval: HEARTBEAT_INTERVAL_SECONDS.
    ///   - timeout: HEARTBEAT_TIMEOUT_SECONDS; a connection is pinged in time to answer within it.
    package func heartbeatMilliseconds(of interval: Int, timeout: Int) -> Int {
        max(interval, min(heartbeatMillisecondsMin, timeout * 2 / 3))
    }

    /// Whether `readsMax` is less than what a read may have anyway.
    package var limitsReads: Bool { readsMax != Self.normal.readsMax }

    /// Whether a `tier` frame says the same of both.
    package func isAnnounced(as other: TierPolicy) -> Bool {
        func names(_ policy: TierPolicy) -> [String] {
            policy.suspended(hasStore: true, isCompressing: true).map { "\($0)" }
        }
        return tier == other.tier && messageRateDivisor == other.messageRateDivisor
            && messageBytesMax == other.messageBytesMax && names(self) == names(other)
    }

    /// The list `suspended` of the `tier` frame and of the status, in the contract's order and names.
    ///
    /// - Parameters:
    ///   - hasStore: whether room messages are stored in Redis.
    ///   - isCompressing: COMPRESSION.
    package func suspended(hasStore: Bool, isCompressing: Bool) -> [StaticString] {
        var names: [StaticString] = []
        if typing == .off { names.append("typing") }
        if presence == .off { names.append("presence") }
        if readMarks == .kept { names.append("read_marks") }
        if readsMax == nil { names += ["history", "users"] }
        if hasStore, case .sampled = storage { names.append("storage") }
        if isCompressing, !compresses { names.append("compression") }
        if case .resumesOnly = newConnections { names.append("new_connections") }
        if http == .essential { names.append("http") }
        return names
    }
}
