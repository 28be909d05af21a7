/// A scarcity of the node itself, which giving service up can mitigate: only these bring a tier.
package enum OwnSignal: Int, CaseIterable, Sendable {
    case loopLag, queueDelay, cpuThrottled, memory, memorySome, memoryFull, openFiles, sendQueue, connections, outbox

    package var name: StaticString {
        switch self {
        case .loopLag: "loop_lag"
        case .queueDelay: "queue_delay"
        case .cpuThrottled: "cpu_throttled"
        case .memory: "memory"
        case .memorySome: "memory_some"
        case .memoryFull: "memory_full"
        case .openFiles: "open_files"
        case .sendQueue: "send_queue"
        case .connections: "connections"
        case .outbox: "outbox"
        }
    }

    /// Whether it brings light at most. These are limits that are kept anyway, or hurt only by the delays that they
    /// cause, which are signals themselves.
    package var isForLightAlone: Bool {
        switch self {
        case .cpuThrottled, .openFiles, .connections, .outbox: true
        case .loopLag, .queueDelay, .memory, .memorySome, .memoryFull, .sendQueue: false
        }
    }

    /// Of its values: milliseconds, a share of 0 … 1, or percent of the time.
    var unit: String {
        switch self {
        case .loopLag, .queueDelay: "ms"
        case .memory, .openFiles, .sendQueue, .connections, .outbox: "ratio"
        case .cpuThrottled, .memorySome, .memoryFull: "percent"
        }
    }
}
