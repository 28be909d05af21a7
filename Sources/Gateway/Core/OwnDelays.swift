import NetworkIO
import Overload

/// How much of a worker's delays is its own doing, by what the kernel says of its thread.
///
/// Thread: the worker's.
struct OwnDelays {
    private let thread: ThreadRunning
    private var ofTicks = OwnDelay()
    private var ofQueue = OwnDelay()

    /// - Parameter procRoot: PROC_ROOT.
    init(procRoot: String) { thread = ThreadRunning(procRoot: procRoot) }

    /// The own part of a delay of the loop's tick, in milliseconds as the delay.
    mutating func lag(_ milliseconds: Int, isThrottled: Bool) -> Int {
        ofTicks.part(of: milliseconds * 1000, thread.running(), isThrottled: isThrottled, at: Self.now) / 1000
    }

    /// The own part of a wait in line, in microseconds as the wait.
    mutating func queueDelay(_ microseconds: Int, isThrottled: Bool) -> Int {
        ofQueue.part(of: microseconds, thread.running(), isThrottled: isThrottled, at: Self.now)
    }

    private static var now: Int { Clock.monotonicNanoseconds() / 1000 }
}

/// Reads for how long the calling thread has run, and has waited for a processor.
private struct ThreadRunning {
    private let files = FileReader()
    private let path: String

    init(procRoot: String) { path = procRoot + "/thread-self/schedstat" }

    /// Both since the thread's start. A kernel that does not keep the second (CONFIG_SCHED_INFO) says 0.
    func running() -> OwnDelay.Running {
        OwnDelay.Running(ran: Clock.threadNanoseconds() / 1000, schedstat: files.text(of: path) ?? "")
    }
}
