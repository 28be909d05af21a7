/// Which web pages may use this node: `ALLOWED_ORIGINS`.
///
/// Asked on every upgrade, and on every request other than GET and HEAD that has an `Origin`. A request without one
/// does not come from a page on another site, and is not this policy's matter.
package enum OriginPolicy: Sendable, Equatable {
    /// Pages of the host that the request itself is for, by http or https: the default.
    case ownHost
    /// Pages of these origins and no others. The node's own host counts only if it is listed: a page whose host name
    /// is made to resolve to this node (DNS rebinding) is of "its own host" too, and a list is the defence against it.
    case list(Set<Origin>)
    /// Pages from anywhere.
    case any

    /// The policy's word on one request.
    package enum Decision: Equatable, Sendable {
        /// A page of this very host: no CORS header is needed.
        case own
        /// An allowed page from elsewhere: the answer carries `Access-Control-Allow-Origin` with this value and,
        /// unless it is `*`, `Vary: Origin`.
        case foreign(allowOrigin: String)
        /// 403.
        case refused
    }

    /// Decides about a request's `Origin`.
    ///
    /// - Parameters:
    ///   - origin: the field's value, as it came.
    ///   - host: the request's `Host` (or absolute-form authority); nil when it has none (HTTP/1.0).
    package func decide(origin: String, host: String?) -> Decision {
        guard self != .any else { return .foreign(allowOrigin: "*") }
        guard let parsed = Origin(origin) else { return .refused }
        let isOwn = parsed.isOfWeb && host.map(parsed.isSameHost) ?? false
        switch self {
        case .list(let origins) where !origins.contains(parsed): return .refused
        case .ownHost where !isOwn: return .refused
        default:
            // Written anew from what was parsed: nothing of the request but a well-formed origin gets into the answer.
            return isOwn ? .own : .foreign(allowOrigin: parsed.description)
        }
    }

    /// Whether pages of the origin may use this node.
    package func isAllowed(origin: String, host: String?) -> Bool {
        decide(origin: origin, host: host) != .refused
    }
}
