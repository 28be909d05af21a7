import ClusterState
import Core
import NetworkIO
import Overload
import WireProtocol

/// The answer of `GET /metrics`, from the counters of all workers: no worker is asked, so that a stalled one is seen
/// instead of waited for.
struct MetricsReport {
    let context: NodeContext
    /// Nodes of the cluster that are known here, this one included.
    let nodeCount: Int
    let locks: LockReport
    /// On `Clock.monotonicMilliseconds()`.
    let now: Int
    private let governor: GovernorReport
    private let redis: StoreReport

    init(context: NodeContext, nodeCount: Int, locks: LockReport, at now: Int) {
        self.context = context
        self.nodeCount = nodeCount
        self.locks = locks
        self.now = now
        governor = context.governor.current
        redis = StoreReport(context: context)
    }

    /// The whole answer.
    var bytes: [UInt8] {
        var text = MetricsText()
        for metric in Metric.allCases {
            text.begin(metric)
            write(metric, to: &text)
        }
        return text.bytes
    }

    private func sum(_ counter: (WorkerCounters) -> Int) -> Int {
        context.counters.reduce(0) { $0 + counter($1) }
    }

    private func write(_ metric: Metric, to text: inout MetricsText) {
        switch metric {
        case .buildInfo: text.sample(Version.number, context.nodeID, value: 1)
        case .mode:
            let mode = context.mode
            for each in NodeMode.allCases { text.sample("\(each.name)", value: each == mode ? 1 : 0) }
        case .draining: text.sample(value: context.isDraining ? 1 : 0)
        case .alertActive:
            let active = Set(context.alerts.current.map(\.alert))
            for alert in Alert.allCases { text.sample("\(alert.name)", value: active.contains(alert) ? 1 : 0) }
        case .eventStreams: text.sample(value: context.events.streamCount.load(ordering: .relaxed))
        case .connections: text.sample(value: sum { $0.connections.value })
        case .connectionsMax: text.sample(value: context.connections.most)
        case .connectionsAccepted: text.sample(value: sum { $0.accepted.value })
        case .connectionsRefused:
            for reason in ConnectionRefusal.allCases { text.sample("\(reason.name)", value: sum { $0.count(reason) }) }
        case .slowConsumersClosed: text.sample(value: sum { $0.slowReadersClosed.value })
        case .sendQueueBytes: text.sample(value: sum { $0.queuedBytes.value })
        case .rooms: text.sample(value: context.budgets.rooms.count)
        case .storedBytes: text.sample(value: sum { $0.stored.bytes })
        case .storedBytesMax: text.sample(value: context.budgets.stored.bytesMax)
        case .messageIDs: text.sample(value: sum { $0.stored.ids.value })
        case .dedupeWindow: text.sample(value: Double(context.dedupeMilliseconds) / 1000)
        case .messagesReceived: text.sample(value: sum { $0.messagesIn.value })
        case .messagesCommitted: text.sample(value: sum { $0.committed.value })
        case .messagesDelivered: text.sample(value: sum { $0.messagesOut.value })
        case .messagesProvisional: text.sample(value: sum { $0.provisional.value })
        case .messagesRefused:
            for reason in MessageRefusal.allCases { text.sample("\(reason.name)", value: sum { $0.count(reason) }) }
        case .deliveryLatency: text.samples(of: context.counters.map(\.deliveryLatency))
        case .queueDelay: text.samples(of: context.counters.map(\.queueDelay))
        case .commitLatency: text.samples(of: context.counters.map(\.store.commitLatency))
        case .loopLag:
            for (index, worker) in context.counters.enumerated() {
                text.sample(String(index), value: Double(lagMilliseconds(worker)) / 1000)
            }
        case .tier: text.sample(value: governor.tier.rawValue)
        case .tierTransitions:
            for tier in Tier.allCases { text.sample("\(tier.name)", value: governor.changesTo[tier] ?? 0) }
        case .pressure: for each in governor.readings { text.sample("\(each.signal.name)", value: each.pressure) }
        case .governorPressure: text.sample(value: governor.pressure)
        case .governorPinned: text.sample(value: governor.isPinned ? 1 : 0)
        case .governorDryRun: text.sample(value: governor.isDryRun ? 1 : 0)
        case .governorSampling: text.sample(value: governor.samplingSeconds)
        case .shed: for kind in ShedKind.allCases { text.sample("\(kind.name)", value: sum { $0.shedCount(kind) }) }
        case .redisState:
            text.sample("off", value: redis.state == nil ? 1 : 0)
            for state in StoreCounters.states { text.sample(state.rawValue, value: redis.state == state ? 1 : 0) }
        case .redisRoundTrip: text.samples(of: context.counters.map(\.store.roundTrip))
        case .redisReconnects: text.sample(value: redis.reconnects)
        case .outboxMessages: text.sample(value: redis.outboxMessages)
        case .outboxMessagesMax: text.sample(value: context.configuration.outboxMessagesMax)
        case .outboxBytes: text.sample(value: redis.outboxBytes)
        case .clusterNodes: text.sample(value: nodeCount)
        case .locksHeld: text.sample(value: locks.held.count)
        case .locksLost: text.sample(value: locks.lostTotal)
        case .links:
            let counts = context.links.counts.current
            for state in LinkMachine.State.allCases {
                text.sample(state.rawValue, value: counts.owned[state] ?? 0)
            }
        case .webhookEventsSent: text.sample(value: context.mail.events.sentCount)
        case .webhookEventsDropped: text.sample(value: context.mail.events.droppedCount)
        case .webhookEventsWaiting: text.sample(value: context.mail.events.waitingCount)
        case .processCPU: text.sample(value: Double(ProcessLimits.cpuMicroseconds()) / 1_000_000)
        case .processMemory:
            if let bytes = ProcessFiles.residentBytes(root: context.configuration.procRoot) {
                text.sample(value: bytes)
            }
        case .processOpenFiles:
            if let count = ProcessFiles.openFiles(root: context.configuration.procRoot) { text.sample(value: count) }
        case .processOpenFilesMax: text.sample(value: context.connections.openFilesMax)
        case .processStart: text.sample(value: Double(context.startedAt) / 1000)
        }
    }

    /// A worker's own figure, or how long its loop has been due, if that is longer: who stands still publishes nothing.
    private func lagMilliseconds(_ worker: WorkerCounters) -> Int {
        let turnedAt = worker.turnedAt.value
        guard turnedAt > 0 else { return worker.lagMilliseconds.value }
        return max(worker.lagMilliseconds.value, now - turnedAt - EventLoop.tickMilliseconds)
    }
}
