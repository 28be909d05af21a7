import ClusterState
import NetworkIO
import Synchronization

/// The state of the node's outbound links that all threads share. Any thread.
final class LinkDesk: Sendable {
    /// Until when this node may act for the links that it owns, on `Clock.bootMilliseconds()`: whoever sends or commits
    /// for one looks here first.
    private let leaseEnd = Atomic<Int>(Int.min)
    /// As the control loop last found.
    let counts = Locked(LinkCounts())

    func lease(until end: Int) { leaseEnd.store(end, ordering: .releasing) }

    /// Whether this node may act now for what it owns.
    var mayAct: Bool { Clock.bootMilliseconds() < leaseEnd.load(ordering: .acquiring) }
}

/// How many links there are.
struct LinkCounts: Sendable, Equatable {
    /// Of the cluster.
    var total = 0
    /// Of this node, by state.
    var owned: [LinkMachine.State: Int] = [:]

    var ownedCount: Int { owned.values.reduce(0, +) }
}
