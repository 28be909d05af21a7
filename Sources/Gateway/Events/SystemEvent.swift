import ClusterState
import Core
import Overload
import WireProtocol

/// An event of `GET /api/system/events`: a change of the node, or of its cluster as the node sees it.
package enum SystemEvent: Sendable, Equatable {
    case tier(TierChange)
    case mode(from: NodeMode, to: NodeMode)
    /// A node of the cluster, this one included, by its name.
    case node(String, NodeStep)
    /// A lock of the cluster that this node has or had.
    case lock(Identifier, token: Int, LockStep)
    case alert(Alert.Change)
    /// A link of this node, and by what name its owner is known; nil: this node has given it up.
    case link(Identifier, state: LinkMachine.State, owner: String?)

    package enum NodeStep: String, Sendable { case up, suspect, draining, gone }
    /// "reclaimed": taken over into new data of a Redis that had lost its own.
    package enum LockStep: String, Sendable { case acquired, reclaimed, released, lost }

    /// The event's type, for which a page listens.
    package var name: StaticString {
        switch self {
        case .tier: "tier"
        case .mode: "mode"
        case .node: "node"
        case .lock: "lock"
        case .alert: "alert"
        case .link: "link"
        }
    }

    /// The event's data, one JSON object.
    ///
    /// - Parameters:
    ///   - node: who publishes it.
    ///   - time: Unix milliseconds.
    func write(to writer: inout JSONWriter, from node: String, at time: Int) {
        writer.beginObject()
        writer.member("at", time)
        writer.name("node")
        if case .node(let subject, let step) = self {
            writer.string(subject)
            writer.member("state", step.rawValue)
            writer.name("seen_by")
        }
        writer.string(node)
        writeRest(to: &writer)
        writer.endObject()
    }

    private func writeRest(to writer: inout JSONWriter) {
        switch self {
        case .tier(let change):
            writer.member("from", change.from.name)
            writer.member("to", change.to.name)
            writer.member("reason", change.reason)
        case .mode(let from, let to):
            writer.member("from", from.name)
            writer.member("to", to.name)
        case .node: break
        case .lock(let name, let token, let step):
            writer.member("name", name)
            writer.member("event", step.rawValue)
            writer.member("token", token)
        case .alert(let change):
            writer.member("name", change.alert.name)
            writer.member("active", change.isActive)
            writer.member("value", change.value)
        case .link(let id, let state, let owner):
            writer.member("id", id)
            writer.member("state", state.rawValue)
            if let owner { writer.member("owner", owner) }
        }
    }
}
