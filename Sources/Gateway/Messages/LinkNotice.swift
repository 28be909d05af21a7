import ClusterState
import Core
import WireProtocol

/// To the control loop, from any worker.
enum LinkNotice: Sendable {
    /// Of the HTTP API. Answered through the responder.
    case asked(LinkQuestion, Responder)
    /// How a link stands that this worker holds.
    case stands(Identifier, token: Int, LinkRecord)
    /// The connection of a link that was dropped has ended; with how it stood, from the worker that had it.
    case closed(Identifier, token: Int, LinkRecord?)
}

/// A question of the HTTP API about links.
enum LinkQuestion: Sendable {
    /// At most `limit` links behind `after` by id.
    case list(after: Identifier?, limit: Int)
    case show(Identifier)
    case create(LinkDefinition)
    case enable(Identifier, Bool)
    case delete(Identifier)
}

/// An order of the control loop to the worker at which a link's room is at home.
package enum LinkOrder: Sendable {
    /// The node owns the link; in place of what the worker had of it, if it had something.
    case hold(HeldLink)
    /// The node gives the link up. Answered by `LinkNotice.closed`.
    /// - Parameter atOnce: nothing may be sent any more, not even a close frame.
    case drop(Identifier, token: Int, atOnce: Bool)
}

/// A link of this node.
package struct HeldLink: Sendable {
    let definition: LinkDefinition
    let url: ServerURL
    /// The fencing token.
    let token: Int
    /// When it was held, as `LinkDesk` counts.
    let fence: Int
    /// How it stood under its former owner.
    let record: LinkRecord
    /// How long it is not dialled, milliseconds.
    let wait: Int
}
