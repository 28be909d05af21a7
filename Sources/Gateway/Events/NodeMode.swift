/// How a node stands to its cluster; the names are on the wire.
package enum NodeMode: CaseIterable, Sendable {
    /// There is none.
    case single
    case cluster
    /// The cluster's store is away: the node serves with what it has.
    case degraded

    package var name: StaticString {
        switch self {
        case .single: "single"
        case .cluster: "cluster"
        case .degraded: "degraded"
        }
    }
}
