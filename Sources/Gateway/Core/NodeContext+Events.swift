import NetworkIO
import Overload

extension NodeContext {
    /// Publishes an event to all who listen, in the same order on all workers; to be called once what it says is true.
    /// Any thread.
    package func publish(_ event: SystemEvent) {
        let time = Clock.unixMilliseconds()
        // Posted with the history held, so that no worker gets a later one first. Who begins to listen counts itself
        // before it looks into the history, so that nobody misses an event between the two.
        events.history.withLock { history in
            let entry = history.add(event, at: time)
            guard events.streamCount.load(ordering: .relaxed) > 0 else { return }
            order(.event(entry))
        }
    }

    /// How things are, for somebody who begins to listen: as events whose `from` and `to` are the same, and the alerts
    /// that are on.
    var presentEvents: [SystemEvent] {
        let (governor, mode) = (governor.current, mode)
        let tier = TierChange(
            from: governor.tier, to: governor.tier, reason: governor.changes.last?.reason ?? "start", at: governor.since
        )
        return [.tier(tier), .mode(from: mode, to: mode)]
            + alerts.current.map { .alert(Alert.Change($0.alert, isActive: true, value: $0.value)) }
    }
}
