import ClusterState

/// The locks of the cluster that this node holds, as the workers know them.
package struct LockReport: Equatable, Sendable {
    /// In the order of their names.
    var held: [LockStatus] = []
    /// Since the start.
    var lostTotal = 0
}
