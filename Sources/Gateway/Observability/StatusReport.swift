import Core
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
        writer.member("node", context.nodeID)
        writer.member("version", Version.number)
        writer.member("uptime_seconds", context.uptimeSeconds)
        writer.member("mode", context.mode.name)
        writeWorkers(to: &writer)
        writeConnections(to: &writer)
        writer.member("rooms", context.budgets.rooms.count)
        writeMessages(to: &writer)
        GovernorStatus(context: context, at: time).write(to: &writer)
        StoreReport(context: context).write(to: &writer)
        writeCluster(to: &writer)
        locks.write(to: &writer, at: Clock.bootMilliseconds())
        writeLinks(to: &writer)
        writeAlerts(to: &writer)
        writeMemory(to: &writer)
        process.write(to: &writer)
        writer.endObject()
    }

    private func writeWorkers(to writer: inout JSONWriter) {
        writer.name("workers")
        writer.beginArray()
        for worker in context.counters {
            writer.beginObject()
            writer.member("connections", worker.connections.value)
            writer.member("loop_lag_ms", worker.lagMilliseconds.value)
            writer.member("queued_bytes", worker.queuedBytes.value)
            writer.member("messages_in", worker.messagesIn.value)
            writer.member("messages_out", worker.messagesOut.value)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeConnections(to writer: inout JSONWriter) {
        writer.name("connections")
        writer.beginObject()
        writer.member("current", sum { $0.connections.value })
        writer.member("max", context.connections.most)
        writer.member("accepted_total", sum { $0.accepted.value })
        writer.name("refused_total")
        writer.beginObject()
        for reason in ConnectionRefusal.allCases {
            writer.member(reason.name, sum { $0.count(reason) })
        }
        writer.endObject()
        writer.endObject()
    }

    private func writeMessages(to writer: inout JSONWriter) {
        writer.name("messages")
        writer.beginObject()
        writer.member("committed_total", sum { $0.committed.value })
        writer.member("delivered_total", sum { $0.messagesOut.value })
        writer.member("provisional_total", sum { $0.provisional.value })
        let refused = MessageRefusal.allCases.reduce(0) { total, reason in total + sum { $0.count(reason) } }
        writer.member("refused_total", refused)
        writer.member("per_second_in", sum { $0.inPerSecond.value })
        writer.member("per_second_out", sum { $0.outPerSecond.value })
        writer.endObject()
    }

    private func writeMemory(to writer: inout JSONWriter) {
        writer.name("memory")
        writer.beginObject()
        writer.member("stored_bytes", sum { $0.stored.bytes })
        writer.member("stored_bytes_max", context.budgets.stored.bytesMax)
        writer.member("input_bytes", context.budgets.input.heldBytes)
        writer.member("input_bytes_max", context.budgets.input.bytesMax)
        writer.member("input_closed_total", context.budgets.input.closedCount)
        writer.member("output_bytes", context.budgets.output.heldBytes)
        writer.member("output_bytes_max", context.budgets.output.bytesMax)
        writer.member("output_closed_total", context.budgets.output.closedCount)
        writer.member("message_ids", sum { $0.stored.ids.value })
        writer.member("message_ids_max", context.budgets.stored.idsMax)
        writer.member("dedupe_window_ms", context.dedupeMilliseconds)
        writer.endObject()
    }

    private func writeAlerts(to writer: inout JSONWriter) {
        writer.name("alerts")
        writer.beginArray()
        for active in context.alerts.current {
            writer.beginObject()
            writer.member("name", active.alert.name)
            writer.member("value", active.value)
            writer.member("since_at", active.since)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeLinks(to writer: inout JSONWriter) {
        let counts = context.links.counts.current
        writer.name("links")
        writer.beginObject()
        writer.member("total", counts.total)
        writer.member("owned", counts.ownedCount)
        writer.member("connected", counts.owned[.connected] ?? 0)
        writer.endObject()
    }

    private func writeCluster(to writer: inout JSONWriter) {
        writer.name("cluster")
        writer.beginObject()
        writer.member("nodes", nodeCount)
        writer.endObject()
    }
}
