import Foundations

/// What is known of one node of a cluster: what it says of itself with each beat, and since when it has said nothing.
package struct NodeRecord: Equatable, Sendable {
    /// How a node stands, as `GET /api/nodes` names it.
    package enum State: String, Sendable {
        case up
        /// It has missed more than two beats.
        case suspect
        /// It takes nobody new and ends soon.
        case draining
    }

    /// NODE_ID, or the name that was made instead.
    package let node: String
    /// Names this life of the node: no other process has it.
    package let boot: String
    /// Where it serves: host and port.
    package let address: String
    package var state: State
    /// Unix milliseconds, by its own clock.
    package let startedAt: Int
    package let connections: Int
    /// How much of the service it gives up under pressure.
    package let tier: String
    /// When it gave its last sign of life: Unix milliseconds by the clock of who looks.
    package var lastSeenAt: Int

    package init(
        node: String, boot: String, address: String, state: State, startedAt: Int, connections: Int, tier: String,
        lastSeenAt: Int
    ) {
        self.node = node
        self.boot = boot
        self.address = address
        self.state = state
        self.startedAt = startedAt
        self.connections = connections
        self.tier = tier
        self.lastSeenAt = lastSeenAt
    }

    // MARK: As text in the store

    /// A line `name=value` for each field but the boot and the sighting. No value has a line end: names are
    /// identifiers, addresses are checked when they are configured.
    var text: [UInt8] {
        let lines = [
            "node=\(node)", "address=\(address)", "state=\(state.rawValue)", "started_at=\(startedAt)",
            "connections=\(connections)", "tier=\(tier)",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads a text; nil when it is none that a node writes. Fields that are not known here are passed over, so that
    /// nodes of two versions can be in one cluster.
    init?(_ text: some Collection<UInt8>, boot: String) {
        var fields: [Substring: Substring] = [:]
        let whole = String(decoding: text, as: UTF8.self)
        for line in whole.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard let node = fields["node"].map(String.init), Identifier(validating: node) != nil,
            let address = fields["address"], let state = fields["state"].map(String.init).flatMap(State.init),
            let startedAt = fields["started_at"].flatMap({ Int($0) }),
            let connections = fields["connections"].flatMap({ Int($0) }), let tier = fields["tier"]
        else { return nil }
        self.init(
            node: node, boot: boot, address: String(address), state: state, startedAt: startedAt,
            connections: connections, tier: String(tier), lastSeenAt: 0)
    }
}
