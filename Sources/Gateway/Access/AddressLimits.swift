import Core

/// The limits of one client address. A value.
package struct AddressLimits: Sendable, Equatable {
    /// Streams of events at a time.
    static let streamsMax = 8

    /// Sockets at a time, whatever is spoken over them; nil: no limit.
    package let socketsMax: Int?
    /// Requests and upgrades; nil: no limit.
    package let requests: RatePolicy?
    /// Whether the sockets of this machine itself count.
    package let countsOwnSockets: Bool
    /// The same for its requests.
    package let countsOwnRequests: Bool

    package init(socketsMax: Int?, requests: RatePolicy?, countsOwnSockets: Bool, countsOwnRequests: Bool) {
        self.socketsMax = socketsMax
        self.requests = requests
        self.countsOwnSockets = countsOwnSockets
        self.countsOwnRequests = countsOwnRequests
    }
}
