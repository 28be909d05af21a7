/// A kind of work that a node did not do, or did later or in part, because of its load: `shed_total` by kind. Every row
/// of the table of tiers counts under one of these.
package enum ShedKind: Int, CaseIterable, Sendable {
    /// `typing` frames that nobody got.
    case typing
    /// Changes of who is in that were sent as a count, or not.
    case presence
    /// Read marks that were sent late.
    case readMarks
    /// Reads of history that were refused, or answered with fewer entries than asked for.
    case history
    /// The same of `users`.
    case users
    /// Joins of further rooms that were refused.
    case joins
    /// Room messages that got their place and are not stored.
    case storage
    /// Room messages that were refused.
    case messages
    /// Direct messages that were refused.
    case directs
    /// Messages larger than the tier takes.
    case largeMessages
    /// New connections that were refused.
    case connections
    /// Connections with large backlogs that were closed.
    case backlogs
    /// HTTP requests that were refused, or answered from a copy.
    case http
    /// Messages that went uncompressed.
    case compression

    package var name: StaticString {
        switch self {
        case .typing: "typing"
        case .presence: "presence"
        case .readMarks: "read_marks"
        case .history: "history"
        case .users: "users"
        case .joins: "joins"
        case .storage: "storage"
        case .messages: "messages"
        case .directs: "directs"
        case .largeMessages: "large_messages"
        case .connections: "connections"
        case .backlogs: "backlogs"
        case .http: "http"
        case .compression: "compression"
        }
    }
}
