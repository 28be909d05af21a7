import ControlPlane

// What a worker is told of the other nodes of its cluster. On the worker's thread, in the order of what happened.
extension Worker {
    private static let goneNodesMax = 64

    /// The other nodes, as they are known now: after each beat.
    func nodesChanged(_ nodes: [NodeRecord]) { otherNodes = nodes }

    /// A node's life has ended: what it held for the cluster counts no more. After `nodesChanged`.
    func nodeGone(boot: String) {
        goneNodes.append(boot)
        if goneNodes.count > Self.goneNodesMax { goneNodes.removeFirst() }
        for home in rooms.all { home.shared?.presence?.nodeGone(boot) }
        for shared in sharedUsers.values { shared.presence?.nodeGone(boot) }
    }
}
