/// Everything that `GET /metrics` says: one case per metric, in the order of the answer. Names that dashboards rely on
/// stay; the table of docs/monitoring.md is made of these, and a test holds it equal.
///
/// Label values come from enumerations or from what the machine has (workers, signals), never from rooms, users or
/// addresses: a node has the same few hundred series whoever uses it.
package enum Metric: CaseIterable, Sendable {
    case buildInfo, mode, draining, alertActive, eventStreams
    case connections, connectionsMax, connectionsAccepted, connectionsRefused, slowConsumersClosed, sendQueueBytes
    case rooms
    case storedBytes, storedBytesMax, messageIDs, dedupeWindow
    case messagesReceived, messagesCommitted, messagesDelivered, messagesProvisional, messagesRefused
    case deliveryLatency, queueDelay, commitLatency, loopLag
    case tier, tierTransitions, pressure, governorPressure, governorPinned, governorDryRun, governorSampling, shed
    case redisState, redisRoundTrip, redisReconnects, outboxMessages, outboxMessagesMax, outboxBytes
    case clusterNodes, locksHeld, locksLost, links
    case webhookEventsSent, webhookEventsDropped, webhookEventsWaiting
    case processCPU, processMemory, processOpenFiles, processOpenFilesMax, processStart

    /// The TYPE of Prometheus' text format.
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    /// The description of a metric.
    package struct Definition: Sendable {
        package let name: StaticString
        package let kind: Kind
        /// Names of its labels, in the order in which samples have their values.
        package let labels: [StaticString]
        /// One line; becomes HELP.
        package let help: StaticString

        init(_ name: StaticString, _ kind: Kind, _ help: StaticString, labels: [StaticString] = []) {
            self.name = name
            self.kind = kind
            self.labels = labels
            self.help = help
        }
    }
}
