import CLibuv

/// Calls back on its loop's thread at a moment given in nanoseconds, for what the loop's tick is too coarse: a schedule
/// of sends. One timerfd; let go of it before its loop.
package final class PreciseTimer {
    private let descriptor: Int32
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private let fired: () -> Void

    package init(loop: EventLoop, fired: @escaping () -> Void) throws(SystemError) {
        self.fired = fired
        descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "timerfd_create", number: sluice_errno()) }
        poll = .allocate(capacity: 1)
        try SystemError.check("uv_poll_init", uv_poll_init(loop.uvLoop, poll, descriptor))
        poll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        try SystemError.check("uv_poll_start", uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceTimerFired))
    }

    deinit {
        uv_poll_stop(poll)
        close(descriptor)
        poll.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, sluiceTimerClosed) }
    }

    /// Fires once at `nanoseconds` on the clock of `Clock.monotonicNanoseconds`, instead of any earlier wish; at once
    /// when that has passed.
    package func schedule(at nanoseconds: Int) {
        // A zero would stop the timer.
        let due = max(nanoseconds, 1)
        var setting = itimerspec()
        setting.it_value = timespec(tv_sec: due / 1_000_000_000, tv_nsec: due % 1_000_000_000)
        timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    }

    fileprivate func fire() {
        var count: UInt64 = 0
        guard read(descriptor, &count, MemoryLayout<UInt64>.size) > 0 else { return }
        fired()
    }
}

private func sluiceTimerFired(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<PreciseTimer>.fromOpaque(data).takeUnretainedValue().fire()
}

private func sluiceTimerClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    handle?.withMemoryRebound(to: uv_poll_t.self, capacity: 1) { $0.deallocate() }
}
