import NetworkIO
import Overload

/// The steps of the workers' inner controllers that the governor's trace has not taken yet. Any thread.
package final class InnerSteps: Sendable {
    /// Some hundred windows of many workers: more than come between two samples.
    private static let countMax = 4096

    private let steps = Locked<[InnerStep]>([])

    package init() {}

    /// A worker has made a step; with too many the further ones are lost.
    func add(_ step: InnerStep) {
        steps.withLock { if $0.count < Self.countMax { $0.append(step) } }
    }

    /// Those since the last call.
    func take() -> [InnerStep] {
        steps.withLock { steps in
            defer { steps.removeAll(keepingCapacity: true) }
            return steps
        }
    }
}
