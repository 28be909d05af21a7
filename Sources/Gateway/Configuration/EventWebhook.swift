import ClusterState

/// Where events go, and which: EVENT_WEBHOOK_URL, EVENT_WEBHOOK_SECRET and EVENT_WEBHOOK_EVENTS.
package struct EventWebhook: Sendable {
    /// The form of EVENT_WEBHOOK_EVENTS, as a sentence part.
    package static let rule = "\(EventKind.allCases.map(\.rawValue).joined(separator: ", ")), separated by commas"
    /// All but messages, of which there may be very many.
    package static let namesDefault = EventKind.allCases.filter { $0 != .message }.map(\.rawValue)
        .joined(separator: ",")

    package let webhook: Webhook
    package let kinds: Set<EventKind>

    package init(_ webhook: Webhook, _ kinds: Set<EventKind>) {
        self.webhook = webhook
        self.kinds = kinds
    }

    /// The kinds that a list names; nil when it names none, or something else.
    package static func kinds(_ items: [String]) -> Set<EventKind>? {
        let kinds = items.compactMap(EventKind.init)
        return kinds.isEmpty || kinds.count != items.count ? nil : Set(kinds)
    }
}
