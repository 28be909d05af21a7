import CLibuv

/// The signals that others name.
package enum ProcessSignal {
    /// Those that ask a process to end, or mean what it says they mean.
    package static let requests = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
    package static let terminate = SIGTERM
    /// Asks a server to read its files again.
    package static let reload = SIGHUP
    /// It can't be refused.
    package static let kill = SIGKILL
    /// Asks a process to stop where it is, until `resume`.
    package static let stop = SIGTSTP
    package static let resume = SIGCONT
    /// A process that this one started has ended, or was stopped.
    package static let childChanged = SIGCHLD

    /// Whether this process ignores it, and so do those that it starts.
    package static func isIgnored(_ signal: Int32) -> Bool { sluice_ignores(signal) != 0 }
}

/// Calls back on its loop's thread when the process gets a signal. Let go of it before its loop.
package final class SignalWatcher {
    /// The signals that ask a process to end.
    package static let termination = [SIGTERM, SIGINT]
    /// The same, and that its terminal has gone.
    package static let interruption = [SIGTERM, SIGINT, SIGHUP]

    private let handles: [UnsafeMutablePointer<uv_signal_t>]
    private let received: (Int32) -> Void

    package init(_ signals: [Int32], loop: EventLoop, received: @escaping (Int32) -> Void) throws(SystemError) {
        self.received = received
        handles = signals.map { _ in .allocate(capacity: 1) }
        for (handle, signal) in zip(handles, signals) {
            try SystemError.check("uv_signal_init", uv_signal_init(loop.uvLoop, handle))
            handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
            try SystemError.check("uv_signal_start", uv_signal_start(handle, sluiceSignalReceived, signal))
        }
    }

    deinit {
        for handle in handles {
            uv_signal_stop(handle)
            handle.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, sluiceSignalClosed) }
        }
    }

    /// Writing to a peer that is gone must be an error, not the end of the process.
    package static func ignoreBrokenPipes() { sluice_ignore_broken_pipes() }

    fileprivate func deliver(_ signal: Int32) { received(signal) }
}

private func sluiceSignalReceived(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ signal: Int32) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<SignalWatcher>.fromOpaque(data).takeUnretainedValue().deliver(signal)
}

private func sluiceSignalClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    handle?.withMemoryRebound(to: uv_signal_t.self, capacity: 1) { $0.deallocate() }
}
