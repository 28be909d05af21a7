import Core

/// The client of a connection, as limits and logs name it.
package struct Client: Sendable, Equatable {
    /// The effective address; where that is unknown, the peer's.
    package let address: IPAddress
    /// False when the proxies before it contradict each other: it has no rights then.
    package let isKnown: Bool

    /// This machine.
    static let own = Client(address: IPAddress(v4: 0x7F00_0001), isKnown: true)

    /// This machine itself: limits count it only where that was asked for.
    var isOwn: Bool { isKnown && address.isLoopback }
}

extension Client: CustomStringConvertible {
    /// For logs: the address; of a client that is unknown, with a word that says so.
    package var description: String { isKnown ? address.description : "unknown behind \(address)" }
}
