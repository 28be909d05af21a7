import ControlPlane

/// How a node stands to its cluster; the names are on the wire.
package enum NodeMode: CaseIterable, Sendable {
    /// There is none.
    case single
    case cluster
    /// What the cluster shares is away: the node serves with what it has.
    case degraded

    package var name: StaticString {
        switch self {
        case .single: "single"
        case .cluster: "cluster"
        case .degraded: "degraded"
        }
    }
}

extension NodeContext {
    /// How the node stands to its cluster now: as the worst of its workers does.
    package var mode: NodeMode {
        guard configuration.redis != nil else { return .single }
        let areConnected = counters.allSatisfy { counters in
            switch counters.store.state {
            case .online, .suspect, .resyncing: true
            case .connecting, .degraded: false
            }
        }
        return areConnected ? .cluster : .degraded
    }
}
