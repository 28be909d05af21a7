/// The inner controller of a worker has gone another way, at the end of a window: rarely, and sooner than the governor
/// samples.
package struct InnerStep: Sendable, Equatable {
    /// Milliseconds of Unix time, and of a monotonic clock.
    package let time: Int
    package let at: Int
    package let worker: Int
    package let state: InnerState
    /// The own part of the shortest wait in the window.
    package let queueDelayMicroseconds: Int

    package init(time: Int, at: Int, worker: Int, state: InnerState, queueDelayMicroseconds: Int) {
        self.time = time
        self.at = at
        self.worker = worker
        self.state = state
        self.queueDelayMicroseconds = queueDelayMicroseconds
    }
}
