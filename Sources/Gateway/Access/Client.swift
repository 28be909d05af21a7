import Core

/// The client of a connection, as limits and logs name it.
package struct Client: Sendable, Equatable {
    /// The effective address; where that is unknown, the peer's.
    package let address: IPAddress
    /// False when the proxies before it contradict each other: it has no rights then.
    package let isKnown: Bool

    /// This machine itself: limits count it only where that was asked for.
    var isOwn: Bool { isKnown && address.isLoopback }
}
