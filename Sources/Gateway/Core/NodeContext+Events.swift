import ControlPlane
import NetworkIO

extension NodeContext {
    /// Streams of events at a time; further ones get 503.
    static let eventStreamsMax = 256

    /// Tells an event to all who listen, in the same order on all workers; to be called once what it tells is true. Any
    /// thread.
    package func publish(_ event: SystemEvent) {
        let time = Clock.unixMilliseconds()
        // Posted with the history held, so that no worker gets a later one first. Who begins to listen counts itself
        // before it looks into the history, so that nobody misses an event between the two.
        events.withLock { history in
            let entry = history.add(event, at: time)
            guard eventStreams.load(ordering: .relaxed) > 0 else { return }
            order(.event(entry))
        }
    }

    /// Counts one more stream, unless there are as many as the node takes. Any thread.
    func takeEventStream() -> Bool {
        if eventStreams.add(1, ordering: .relaxed).newValue <= Self.eventStreamsMax { return true }
        giveBackEventStream()
        return false
    }

    /// A stream that was counted has ended. Any thread.
    func giveBackEventStream() { eventStreams.subtract(1, ordering: .relaxed) }

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
