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
