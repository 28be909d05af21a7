import ClusterState
import NetworkIO
import Synchronization

/// The state of the node's outbound links that all threads share. Any thread.
final class LinkDesk: Sendable {
    /// Until when this node may act for the links that it owns, on `Clock.bootMilliseconds()`: whoever sends or commits
    /// for one looks here first.
    private let leaseEnd = Atomic<Int>(Int.min)
    /// How often the node let go of its links because its lease had ended.
    private let fences = Atomic<Int>(0)
    /// As the control loop last found.
    let counts = Locked(LinkCounts())

    func lease(until end: Int) { leaseEnd.store(end, ordering: .releasing) }

    /// The lease had ended: who holds links from before may not act for them, though the lease be renewed before he
    /// hears of it. To be called before `lease`.
    func fenced() { fences.add(1, ordering: .releasing) }

    /// The mark of a hold that begins now; see `mayAct`.
    var fence: Int { fences.load(ordering: .acquiring) }

    /// Whether this node may act now for what it owns since that fence.
    func mayAct(since fence: Int) -> Bool {
        Clock.bootMilliseconds() < leaseEnd.load(ordering: .acquiring) && fence == self.fence
    }
}

/// How many links there are.
struct LinkCounts: Sendable, Equatable {
    /// Of the cluster.
    var total = 0
    /// Of this node, by state.
    var owned: [LinkMachine.State: Int] = [:]

    var ownedCount: Int { owned.values.reduce(0, +) }
}
