import Core

/// One node of a cluster: its own words with each beat, and since when it has been silent.
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

    /// The format of the text. Another one has the same fields under the same names, or leaves them out.
    private static let format = 1

    /// A line `name=value` for each field but the boot and the sighting. No value has a line end: names are
    /// identifiers, addresses are checked when they are configured.
    var text: [UInt8] {
        let lines = [
            "format=\(Self.format)", "node=\(node)", "address=\(address)", "state=\(state.rawValue)",
            "started_at=\(startedAt)",
            "connections=\(connections)", "tier=\(tier)",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Connections that a node can have said to have, at most.
    private static let connectionsMax = 1_000_000_000

    /// Reads a text. Fields that are not known here are passed over, and what can't be read has a stand-in, so that
    /// nodes of two versions can be in one cluster: whoever beats lives.
    init(_ text: some Collection<UInt8>, boot: String) {
        var fields: [Substring: Substring] = [:]
        let whole = String(decoding: text, as: UTF8.self)
        for line in whole.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        let node = fields["node"].flatMap { Identifier(validating: String($0)) } ?? Identifier(validating: boot)
        self.init(
            node: node?.text ?? "unknown", boot: boot, address: fields["address"].map(String.init) ?? "",
            state: fields["state"].flatMap { State(rawValue: String($0)) } ?? .up,
            startedAt: fields["started_at"].flatMap { Stored.number($0.utf8) } ?? 0,
            connections: fields["connections"].flatMap { Stored.number($0.utf8, in: 0...Self.connectionsMax) } ?? 0,
            tier: fields["tier"].map(String.init) ?? "", lastSeenAt: 0)
    }
}
