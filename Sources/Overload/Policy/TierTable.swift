/// `TierPolicy` in words, row by row, as `/docs` shows it.
package enum TierTable {
    /// One feature and what each tier makes of it.
    package struct Row: Sendable {
        package let feature: String
        /// The resources that its tier goes by.
        package let mitigates: String
        fileprivate let text: @Sendable (TierPolicy) -> String
        /// By tier, from normal to heavy.
        package var tiers: [String] { Tier.allCases.map { text(.of($0)) } }
    }

    package static var rows: [Row] {
        [
            row("typing", .typing) { typing($0.typing) },
            row("joined, left, device", .presence) { presence($0.presence) },
            row("read marks", .readMarks) { readMarks($0.readMarks) },
            row("history and users reads", .reads) {
                $0.readsMax.map { "up to \($0) a read" } ?? "suspended; resuming goes on"
            },
            row("room messages in Redis", .storage) { storage($0.storage) },
            row("messages per connection", .messageRate) { rate($0.messageRateDivisor) },
            row("accepting, per worker", .accepting) {
                $0.acceptsPerSecond.map { "\($0) per second; others wait in the backlog" } ?? "as they come"
            },
            row("new connections", .newConnections) { newConnections($0.newConnections) },
            row("largest message", .messageBytes) {
                $0.messageBytesMax.map { "\($0 / 1024) KiB" } ?? "MAX_MESSAGE_BYTES"
            },
            row("reading and writing", .rounds) {
                $0.roundMilliseconds == 0
                    ? "as it comes; in rounds when it has to wait"
                    : "in rounds, at least \($0.roundMilliseconds) ms apart"
            },
            row("send queue", .sendQueue) { share("SEND_QUEUE_BYTES", $0.sendQueueDivisor) },
            row("heartbeat interval", .heartbeat) {
                $0.heartbeatMillisecondsMin == 0 ? "as configured" : "\($0.heartbeatMillisecondsMin / 1000) s at least"
            },
            row("compression", .compression) { $0.compresses ? "as configured" : "off" },
            row("HTTP", .http) { http($0.http) },
        ]
    }

    /// The rows in which a policy differs from normal, for the log.
    package static func summary(of policy: TierPolicy) -> String {
        rows.compactMap { row in
            let text = row.text(policy)
            return text == row.text(.of(.normal)) ? nil : "\(row.feature): \(text)"
        }.joined(separator: "; ")
    }

    private static func row(
        _ name: String, _ feature: Feature, _ text: @escaping @Sendable (TierPolicy) -> String
    ) -> Row {
        Row(feature: name, mitigates: feature.mitigates.map { "\($0.words)" }.joined(separator: ", "), text: text)
    }

    private static func seconds(_ milliseconds: Int) -> String { "\(milliseconds / 1000) s" }

    private static func share(_ setting: String, _ divisor: Int) -> String {
        divisor == 1 ? setting : "1/\(divisor) of it"
    }

    private static func typing(_ rule: TierPolicy.Typing) -> String {
        switch rule {
        case .each: "each"
        case .paced(let pause, let most): "one per \(seconds(pause)), in rooms of up to \(most) users"
        case .off: "off"
        }
    }

    private static func presence(_ rule: TierPolicy.Presence) -> String {
        switch rule {
        case .each: "each"
        case .counts(let pause, 0): "counts every \(seconds(pause))"
        case .counts(let pause, let users): "counts every \(seconds(pause)) in rooms of more than \(users) users"
        case .off: "off; a count afterwards"
        }
    }

    private static func readMarks(_ rule: TierPolicy.ReadMarks) -> String {
        switch rule {
        case .each: "each"
        case .batched(let pause): "the latest, every \(seconds(pause))"
        case .kept: "kept, sent afterwards"
        }
    }

    private static func storage(_ rule: TierPolicy.Storage) -> String {
        switch rule {
        case .every: "every message"
        case .sampled(let count): "1 of \(count) is stored; all are ordered and delivered"
        }
    }

    private static func rate(_ divisor: Int) -> String {
        share("MESSAGES_PER_SECOND", divisor) + (divisor < 10 ? "" : ", at least 1")
    }

    private static func newConnections(_ rule: TierPolicy.NewConnections) -> String {
        switch rule {
        case .all: "up to the limits"
        case .share(let share): "\(share / 10) % of the usual rate, resumes first; others are closed with 1013"
        case .resumesOnly(let share): "\(share / 10) % of the usual rate, resumes only; others get 503"
        }
    }

    private static func http(_ rule: TierPolicy.HTTP) -> String {
        switch rule {
        case .all: "all"
        case .cachedLists(let age): "all; lists up to \(seconds(age)) old"
        case .cachedReads(let age):
            "all; pages and lists up to \(seconds(age)) old"
        case .essential: "health, ready, status, events, metrics, tier, publishing, deleting; the rest 503"
        }
    }
}
