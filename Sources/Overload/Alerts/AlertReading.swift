/// The input of the alerts: the present state of a node, and its totals since the start.
package struct AlertReading: Sendable, Equatable {
    /// How the node's store stands.
    package enum Store: Sendable {
        /// There is none, or it serves.
        case here
        /// It does not serve, or not yet again with all that it should have.
        case returning
        case lost
    }

    package var connections = 0
    package var connectionsMax = 1
    /// Frames that clients sent, since the start.
    package var messages = 0
    /// Those of them that were refused.
    package var refused = 0
    /// Connections that were closed because they read too slowly, since the start.
    package var slowReadersClosed = 0
    package var store = Store.here
    /// Messages that wait for the store.
    package var outboxMessages = 0
    package var tier = Tier.normal

    package init() {}
}
