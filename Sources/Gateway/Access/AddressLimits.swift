import Core

/// The limits of one client address. A value.
package struct AddressLimits: Sendable, Equatable {
    /// Streams of events at a time.
    static let streamsMax = 8

    /// Rooms and inboxes that an address may make for each request that it may make. A client that comes back joins its
    /// further rooms, which a restarted node has to make again; that is some ten.
    static let madePerRequest = 10
    /// The error for who would make one more.
    static let makingText = "this address makes rooms or inboxes too fast"

    /// The error for who asks once more than it may.
    static let requestsText = "this address asks too often"

    /// Wrong API keys: ten at once, then five each second. A key of 128 bits stays unknown at any such rate; it is the
    /// log, and keys that people make up, that need the limit.
    static let guesses = RatePolicy(perSecond: 5)

    /// Sockets at a time, whatever is spoken over them; nil: no limit.
    package let socketsMax: Int?
    /// Requests and upgrades; nil: no limit.
    package let requests: RatePolicy?
    /// Whether the sockets of this machine itself count.
    package let countsOwnSockets: Bool
    /// The same for its requests.
    package let countsOwnRequests: Bool

    /// Rooms and inboxes that are made; nil: no limit.
    var making: RatePolicy? { requests.map { RatePolicy(perSecond: $0.perSecond * Self.madePerRequest) } }

    package init(socketsMax: Int?, requests: RatePolicy?, countsOwnSockets: Bool, countsOwnRequests: Bool) {
        self.socketsMax = socketsMax
        self.requests = requests
        self.countsOwnSockets = countsOwnSockets
        self.countsOwnRequests = countsOwnRequests
    }
}
