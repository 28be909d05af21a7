/// A state that can't wait for smoothing: the node goes to the heaviest tier at once.
package enum Emergency: Sendable, Equatable, CaseIterable {
    /// A worker's loop has not gone round for `Limits.stallMilliseconds`.
    case workerStalled
    /// Memory is all but used up, or the kernel had to take some by force.
    case memoryExhausted
    /// The process ran out of descriptors.
    case outOfDescriptors
    /// Bytes that clients have not taken yet fill their budget.
    case sendQueuesFull

    /// When each of them is reached.
    package enum Limits {
        /// Twice a loop's tick: even an idle loop has gone round in that time.
        package static let stallMilliseconds = 500
        /// Of the memory limit.
        package static let memoryShare = 0.95
        /// Of the budget.
        package static let sendQueueShare = 0.90
        /// The budget for unsent bytes, as a share of the memory limit.
        package static let sendQueueBudgetShare = 0.25
    }

    /// As traces name it.
    package var name: StaticString {
        switch self {
        case .workerStalled: "worker_stalled"
        case .memoryExhausted: "memory_exhausted"
        case .outOfDescriptors: "out_of_descriptors"
        case .sendQueuesFull: "send_queues_full"
        }
    }

    /// The signal that stands for it where a reason is named.
    package var signal: OwnSignal {
        switch self {
        case .workerStalled: .loopLag
        case .memoryExhausted: .memory
        case .outOfDescriptors: .openFiles
        case .sendQueuesFull: .sendQueue
        }
    }

    /// Whether fewer newcomers help.
    package var slowsAccepting: Bool { self != .sendQueuesFull }

    /// Whether it helps to close who does not read: what waits for them is memory.
    package var cutsBacklogs: Bool { self == .memoryExhausted || self == .sendQueuesFull }

    /// The one that a sample shows; the most pressing one when there are several.
    ///
    /// - Parameters:
    ///   - stallMilliseconds: for how long the slowest worker has not gone round.
    ///   - outOfDescriptors: whether that happened since the last sample.
    package static func found(
        in readings: Readings, stallMilliseconds: Int, memoryWasReclaimed: Bool, outOfDescriptors: Bool
    ) -> Emergency? {
        if memoryWasReclaimed || readings[.memory] ?? 0 >= Limits.memoryShare { return .memoryExhausted }
        if stallMilliseconds > Limits.stallMilliseconds { return .workerStalled }
        if readings[.sendQueue] ?? 0 > Limits.sendQueueShare { return .sendQueuesFull }
        return outOfDescriptors ? .outOfDescriptors : nil
    }
}
