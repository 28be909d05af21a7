import ClusterState
import NetworkIO

extension NodeContext {
    /// This node's record as of now.
    /// - Parameter time: Unix milliseconds.
    func record(at time: Int) -> NodeRecord {
        NodeRecord(
            node: nodeID, boot: boot, address: address, state: isDraining ? .draining : .up, startedAt: startedAt,
            connections: connections.count, tier: "\(governor.current.tierInEffect.name)",
            lastSeenAt: time)
    }

    /// How others of the network call it: HOST, or the machine's name where that is every interface, and the port.
    static func address(_ configuration: Configuration, port: UInt16) -> String {
        let host = configuration.host
        if ["0.0.0.0", "::"].contains(host.description) { return "\(Machine.hostName):\(port)" }
        return host.isV4 ? "\(host):\(port)" : "[\(host)]:\(port)"
    }
}
