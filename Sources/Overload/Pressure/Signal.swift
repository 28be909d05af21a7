/// One resource that can become scarce, as it is named on the wire. What it is read from stands with `Readings`.
package enum Signal: Int, CaseIterable, Sendable {
    case loopLag, queueDelay, cpu, cpuThrottled, memory, memorySome, memoryFull, openFiles, sendQueue, connections
    case hostCPU, steal, cpuPressure, redisRoundtrip, outbox, ioPressure

    /// How far a signal's pressure counts.
    package enum Kind: Sendable, Equatable {
        /// It counts in full.
        case own
        /// Processors are used up, or withheld, by the node or by others on the machine. By itself that is no overload:
        /// a node that keeps its queues short at full use serves best. Counts up to light, and up to moderate when the
        /// node's own delays confirm that it hurts.
        case processor
        /// Giving up more than light does would not help: it is a limit that is kept anyway, or somebody else's delay.
        case capped
    }

    package var kind: Kind {
        switch self {
        case .loopLag, .queueDelay, .memory, .memorySome, .memoryFull, .sendQueue: .own
        case .cpu, .cpuThrottled, .hostCPU, .steal, .cpuPressure: .processor
        case .openFiles, .connections, .redisRoundtrip, .outbox, .ioPressure: .capped
        }
    }

    package var name: StaticString {
        switch self {
        case .loopLag: "loop_lag"
        case .queueDelay: "queue_delay"
        case .cpu: "cpu"
        case .cpuThrottled: "cpu_throttled"
        case .memory: "memory"
        case .memorySome: "memory_some"
        case .memoryFull: "memory_full"
        case .openFiles: "open_files"
        case .sendQueue: "send_queue"
        case .connections: "connections"
        case .hostCPU: "host_cpu"
        case .steal: "steal"
        case .cpuPressure: "cpu_pressure"
        case .redisRoundtrip: "redis_roundtrip"
        case .outbox: "outbox"
        case .ioPressure: "io_pressure"
        }
    }

    /// Of its values: milliseconds, a share of 0 … 1, or percent of the time.
    package var unit: String {
        switch self {
        case .loopLag, .queueDelay, .redisRoundtrip: "ms"
        case .cpu, .memory, .openFiles, .sendQueue, .connections, .outbox: "ratio"
        case .cpuThrottled, .memorySome, .memoryFull, .hostCPU, .steal, .cpuPressure, .ioPressure: "percent"
        }
    }

    /// The signal of this name; nil for none.
    package init?(named name: some StringProtocol) {
        guard let signal = Self.allCases.first(where: { "\($0.name)" == name }) else { return nil }
        self = signal
    }
}
