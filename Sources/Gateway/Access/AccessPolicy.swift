/// Who may ask for what over HTTP: the contract's section 6 as one pure function.
package struct AccessPolicy: Sendable {
    /// The right that a request needs. Every route has exactly one.
    package enum Requirement: Equatable, Sendable {
        /// Nothing: pages, health, upgrades (which have their own rules).
        case nothing
        /// The API key, if one is configured.
        case apiKey
        /// The API key, if one is configured; else a client on this machine.
        case apiKeyOrLoopback

        /// The right that a method on a path needs.
        ///
        /// By prefix and not by route, so that unknown paths under `/api/` show a stranger nothing. `OPTIONS` needs
        /// nothing: a browser's preflight can't carry a key, and its answer says nothing but the CORS rule.
        ///
        /// - Parameters:
        ///   - method: as in the request line (case counts).
        ///   - path: the segments, each decoded once; `/metrics` is `["metrics"]`.
        package init(method: String, path: [String]) {
            guard method != "OPTIONS", path.first == "api" || path == ["metrics"] else {
                self = .nothing
                return
            }
            let isWrite = method != "GET" && method != "HEAD"
            let isForOperators =
                method == "DELETE" || method == "PUT" && path.starts(with: ["api", "users"])
                || isWrite && (path.starts(with: ["api", "links"]) || path == ["api", "system", "tier"])
            self = isForOperators ? .apiKeyOrLoopback : .apiKey
        }
    }

    /// The answer for one request.
    package enum Decision: Equatable, Sendable {
        case allowed
        /// 401: a key is configured and was not shown.
        case unauthorized
        /// 403: no key is configured, and this is for clients on this machine only.
        case forbidden
    }

    /// The key's gate; nil when no key is configured.
    private let gate: APIKeyGate?
    /// As they were at the start; each worker has the present ones.
    let credentials: Credentials
    /// Clients of `/ws` need tokens. Who asks for them leaves nothing open to strangers.
    var asksForTokens: Bool { credentials.tokens != nil }

    /// The policy with this gate, or with none when no `API_KEY` is set.
    package init(gate: APIKeyGate?, credentials: Credentials = Credentials()) {
        self.gate = gate
        self.credentials = credentials
    }

    /// Decides about one request.
    ///
    /// - Parameters:
    ///   - apiKey: the value of `X-API-Key`, nil when absent.
    ///   - authorization: the value of `Authorization`, nil when absent.
    ///   - isThisMachine: whether the effective address (see `TrustedProxies`) and `Host` are both this machine's.
    ///     Asked only where that decides.
    package func decide(
        _ requirement: Requirement, apiKey: String?, authorization: String?, isThisMachine: @autoclosure () -> Bool
    ) -> Decision {
        guard requirement != .nothing else { return .allowed }
        if let gate {
            return gate.admits(apiKey: apiKey, authorization: authorization) ? .allowed : .unauthorized
        }
        return requirement == .apiKey && !asksForTokens || isThisMachine() ? .allowed : .forbidden
    }

    /// Whether somebody who was allowed to ask may also operate: with a key all may who showed it.
    package func letsOperate(isThisMachine: Bool) -> Bool { gate != nil || isThisMachine }

    /// A request's claim to a configured key.
    package func showing(apiKey: String?, authorization: String?) -> APIKeyGate.Showing {
        gate?.showing(apiKey: apiKey, authorization: authorization) ?? .nothing
    }
}
