/// A state that an operator should look at; the names are on the wire.
package enum Alert: Int, CaseIterable, Sendable {
    /// Soon nobody else gets in.
    case connectionsNearCap
    /// Clients are refused more than now and then.
    case errorShare
    /// The node goes on without the cluster's store.
    case redisLost
    /// The node gives up most of its service.
    case tierHeavy
    /// Clients are closed because they do not keep up.
    case slowReaders

    package var name: StaticString {
        switch self {
        case .connectionsNearCap: "connections_near_cap"
        case .errorShare: "error_share"
        case .redisLost: "redis_lost"
        case .tierHeavy: "tier_heavy"
        case .slowReaders: "slow_readers"
        }
    }

    /// When it is on, in a sentence each; a row of docs/monitoring.md.
    package var rule: (raised: String, cleared: String, value: String) {
        func percent(_ share: Double) -> String {
            let tenths = Int((share * 1_000).rounded())
            return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
        }
        typealias Mark = AlertBoard.Mark
        switch self {
        case .connectionsNearCap:
            return (
                "connections reach \(percent(Mark.connectionsRaised)) of the most that the node takes",
                "they are below \(percent(Mark.connectionsCleared))", "that share, 0 to 1"
            )
        case .errorShare:
            return (
                "over \(percent(Mark.errorsRaised)) of the frames of the last minute were refused, of at least "
                    + "\(Mark.messagesMin)",
                "it is below \(percent(Mark.errorsCleared)), or there are fewer", "that share, 0 to 1"
            )
        case .redisLost:
            return (
                "the node goes on without Redis", "Redis serves again and has what was kept for it",
                "messages that are kept"
            )
        case .tierHeavy: return ("the tier is heavy", "it is not", "the tier's number")
        case .slowReaders:
            return (
                "\(Mark.slowReadersRaised) connections in a minute were closed because they read too slowly",
                "it was at most \(Mark.slowReadersCleared)", "connections closed in the last minute"
            )
        }
    }

    /// The table of docs/monitoring.md.
    package static func documentTable() -> String {
        let rows = allCases.map { alert in
            let rule = alert.rule
            return "| `\(alert.name)` | \(rule.raised) | \(rule.cleared) | \(rule.value) |\n"
        }
        return "| Alert | On when | Over when | Value |\n|---|---|---|---|\n" + rows.joined()
    }

    /// Something began to be, or is no longer, a reason for alarm.
    package struct Change: Sendable, Equatable {
        package let alert: Alert
        package let isActive: Bool
        /// The measured value, see `AlertBoard`.
        package let value: Double

        package init(_ alert: Alert, isActive: Bool, value: Double) {
            self.alert = alert
            self.isActive = isActive
            self.value = value
        }
    }

    /// An alert that is on.
    package struct Active: Sendable, Equatable {
        package let alert: Alert
        /// As it was last found.
        package var value: Double
        /// Unix milliseconds.
        package let since: Int

        package init(_ alert: Alert, value: Double, since: Int) {
            self.alert = alert
            self.value = value
            self.since = since
        }
    }
}
