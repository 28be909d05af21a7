import ClusterState
import WireProtocol

/// `redis` of `GET /api/system/status`: what the loops of the node count of their ways to Redis, in one.
struct StoreReport {
    /// Resyncs of two workers belong to one return of Redis when they ended no further apart: they begin up to
    /// `Backoff.lastMilliseconds` apart, and take their time.
    private static let resyncSpreadMilliseconds = 10_000

    private let address: String?
    private let workers: [StoreCounters]
    private let control: StoreCounters

    init(context: NodeContext) {
        address = context.configuration.redis?.url.description
        workers = context.counters.map(\.store)
        control = context.controlStore
    }

    /// As bad as the worst of them; nil in single mode.
    var state: StoreHealth.State? {
        guard address != nil else { return nil }
        let states = (workers + [control]).map(\.state)
        return StoreCounters.states.last { states.contains($0) } ?? .connecting
    }

    /// Why the node goes on without it: the reason of the loop that lost it first. While it serves, of the last loss;
    /// nil when it was never lost.
    var loss: StoreCounters.Loss? {
        let loops = workers + [control]
        let present = loops.filter { $0.state == .degraded }.compactMap(\.lastLoss.current)
        return present.min { $0.at < $1.at } ?? loops.compactMap(\.lastLoss.current).max { $0.at < $1.at }
    }

    private func sum(_ counter: (StoreCounters) -> Int) -> Int { workers.reduce(0) { $0 + counter($1) } }

    var outboxMessages: Int { sum { $0.outboxMessages.value } }
    var outboxBytes: Int { sum { $0.outboxBytes.value } }
    /// Connections that were made after the first, of all loops.
    var reconnects: Int { sum { $0.reconnects.value } + control.reconnects.value }

    func write(to writer: inout JSONWriter) {
        writer.name("redis")
        writer.beginObject()
        writer.name("state")
        if let address, let state {
            writer.string(state.rawValue)
            if let loss { writer.member("reason", loss.reason.text) }
            writer.member("address", address)
        } else {
            writer.string("off" as StaticString)
        }
        let latency = workers.map { $0.latencyMicroseconds.value }.max() ?? 0
        if latency > 0 {
            writer.member("latency_ms", Double(latency) / 1000)
        }
        writer.member("outbox_messages", outboxMessages)
        writer.member("outbox_bytes", outboxBytes)
        writer.member("reconnects_total", reconnects)
        writeLastResync(to: &writer)
        writer.endObject()
    }

    private func writeLastResync(to writer: inout JSONWriter) {
        let last = workers.map { $0.resyncedAt.value }.max() ?? 0
        guard last > 0 else { return }
        let parts = workers.filter { $0.resyncedAt.value > last - Self.resyncSpreadMilliseconds }
        writer.name("last_resync")
        writer.beginObject()
        writer.member("at", last)
        writer.member("messages", parts.reduce(0) { $0 + $1.resyncMessages.value })
        writer.member("took_ms", parts.map { $0.resyncMilliseconds.value }.max() ?? 0)
        writer.endObject()
    }
}
