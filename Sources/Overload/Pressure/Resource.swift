/// Something that a node runs short of. Each has a ladder of its own, and each feature says which ones it mitigates: so
/// what a shortage of one takes away is what that one gains by.
package enum Resource: Int, CaseIterable, Sendable {
    /// The time of the workers' loops.
    case loop
    /// Memory, of the process or its control group.
    case memory
    /// Bytes that clients have not taken yet.
    case sendQueue
    /// Places for connections, and descriptors.
    case places
    /// The way to Redis, and the outbox.
    case store

    /// As `/docs` shows it.
    package var words: StaticString {
        switch self {
        case .loop: "loop"
        case .memory: "memory"
        case .sendQueue: "send queues"
        case .places: "connections, files"
        case .store: "Redis"
        }
    }

    /// The signals that say how short it is.
    package var signals: [OwnSignal] { OwnSignal.allCases.filter { $0.resource == self } }
}

extension OwnSignal {
    /// Which one is short when it presses.
    package var resource: Resource {
        switch self {
        case .loopLag, .queueDelay, .cpuThrottled: .loop
        case .memory, .memorySome, .memoryFull: .memory
        case .sendQueue: .sendQueue
        case .openFiles, .connections: .places
        case .outbox: .store
        }
    }
}
