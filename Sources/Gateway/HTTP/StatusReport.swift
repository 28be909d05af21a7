import Foundations
import NetworkIO
import WireProtocol

/// The answer of `GET /api/system/status`, from the counters of all workers: no worker is asked, so that a stalled one
/// is seen instead of waited for.
struct StatusReport {
    let context: NodeContext
    /// Nodes of the cluster that are known here, this one included.
    let nodeCount: Int
    let locks: LockReport
    let process: ProcessStatus
    /// Unix milliseconds.
    let time: Int

    init(
        context: NodeContext, nodeCount: Int, locks: LockReport, process: ProcessStatus,
        at time: Int
    ) {
        self.context = context
        self.nodeCount = nodeCount
        self.locks = locks
        self.process = process
        self.time = time
    }

    private func sum(_ counter: (WorkerCounters) -> Int) -> Int {
        context.counters.reduce(0) { $0 + counter($1) }
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("node")
        writer.string(context.nodeID)
        writer.name("version")
        writer.string(Version.number)
        writer.name("uptime_seconds")
        writer.number((time - context.startedAt) / 1000)
        writer.name("mode")
        writer.string(context.mode.name)
        writeWorkers(to: &writer)
        writeConnections(to: &writer)
        writer.name("rooms")
        writer.number(sum { $0.rooms.value })
        writeMessages(to: &writer)
        GovernorStatus(context: context, at: time).write(to: &writer)
        StoreReport(context: context).write(to: &writer)
        writeCluster(to: &writer)
        locks.write(to: &writer, at: Clock.bootMilliseconds())
        writeAlerts(to: &writer)
        process.write(to: &writer)
        writer.endObject()
    }

    private func writeWorkers(to writer: inout JSONWriter) {
        writer.name("workers")
        writer.beginArray()
        for worker in context.counters {
            writer.beginObject()
            writer.name("connections")
            writer.number(worker.connections.value)
            writer.name("loop_lag_ms")
            writer.number(worker.lagMilliseconds.value)
            writer.name("queued_bytes")
            writer.number(worker.queuedBytes.value)
            writer.name("messages_in")
            writer.number(worker.messagesIn.value)
            writer.name("messages_out")
            writer.number(worker.messagesOut.value)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeConnections(to writer: inout JSONWriter) {
        writer.name("connections")
        writer.beginObject()
        writer.name("current")
        writer.number(sum { $0.connections.value })
        writer.name("max")
        writer.number(context.connectionsMax)
        writer.name("accepted_total")
        writer.number(sum { $0.accepted.value })
        writer.name("refused_total")
        writer.beginObject()
        for reason in ConnectionRefusal.allCases {
            writer.name(reason.name)
            writer.number(sum { $0.count(reason) })
        }
        writer.endObject()
        writer.endObject()
    }

    private func writeMessages(to writer: inout JSONWriter) {
        writer.name("messages")
        writer.beginObject()
        writer.name("committed_total")
        writer.number(sum { $0.committed.value })
        writer.name("delivered_total")
        writer.number(sum { $0.messagesOut.value })
        writer.name("provisional_total")
        writer.number(sum { $0.provisional.value })
        writer.name("refused_total")
        writer.number(MessageRefusal.allCases.reduce(0) { total, reason in total + sum { $0.count(reason) } })
        writer.name("per_second_in")
        writer.number(sum { $0.inPerSecond.value })
        writer.name("per_second_out")
        writer.number(sum { $0.outPerSecond.value })
        writer.endObject()
    }

    private func writeAlerts(to writer: inout JSONWriter) {
        writer.name("alerts")
        writer.beginArray()
        for active in context.alerts.current {
            writer.beginObject()
            writer.name("name")
            writer.string(active.alert.name)
            writer.name("value")
            writer.number(active.value)
            writer.name("since_at")
            writer.number(active.since)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeCluster(to writer: inout JSONWriter) {
        writer.name("cluster")
        writer.beginObject()
        writer.name("nodes")
        writer.number(nodeCount)
        writer.endObject()
    }
}
