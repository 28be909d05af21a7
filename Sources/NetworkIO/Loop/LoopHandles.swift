import CLibuv

/// libuv's loop with the handles that make an `EventLoop` of it. Owned by the `EventLoop`, which calls `close` at its
/// end; callbacks find it by the loop's data.
struct LoopHandles {
    let loop: UnsafeMutablePointer<uv_loop_t>
    private let sockets: UnsafeMutablePointer<uv_poll_t>
    private let urgentSockets: UnsafeMutablePointer<uv_poll_t>
    private let waker: UnsafeMutablePointer<uv_async_t>
    private let ticker: UnsafeMutablePointer<uv_timer_t>
    private let roundTimer: UnsafeMutablePointer<uv_timer_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>

    /// - Throws: `SystemError` when the system is out of descriptors or memory.
    init(_ sets: EpollSets) throws(SystemError) {
        loop = .allocate(capacity: 1)
        sockets = .allocate(capacity: 1)
        urgentSockets = .allocate(capacity: 1)
        waker = .allocate(capacity: 1)
        ticker = .allocate(capacity: 1)
        roundTimer = .allocate(capacity: 1)
        prepare = .allocate(capacity: 1)
        check = .allocate(capacity: 1)
        try SystemError.check("uv_loop_init", uv_loop_init(loop))
        try SystemError.check("uv_poll_init", uv_poll_init(loop, sockets, sets.ordinary))
        try SystemError.check("uv_poll_init", uv_poll_init(loop, urgentSockets, sets.urgent))
        try SystemError.check("uv_async_init", uv_async_init(loop, waker, sluiceWoken))
        try SystemError.check("uv_timer_init", uv_timer_init(loop, ticker))
        try SystemError.check("uv_timer_init", uv_timer_init(loop, roundTimer))
        try SystemError.check("uv_prepare_init", uv_prepare_init(loop, prepare))
        try SystemError.check("uv_check_init", uv_check_init(loop, check))
    }

    /// From now on callbacks find `owner`, which outlives them.
    func start(for owner: EventLoop) throws(SystemError) {
        let readable = Int32(UV_READABLE.rawValue)
        let tick = UInt64(EventLoop.tickMilliseconds)
        uv_loop_set_data(loop, Unmanaged.passUnretained(owner).toOpaque())
        try SystemError.check("uv_poll_start", uv_poll_start(sockets, readable, sluiceSocketsReady))
        try SystemError.check("uv_poll_start", uv_poll_start(urgentSockets, readable, sluiceUrgentReady))
        try SystemError.check("uv_timer_start", uv_timer_start(ticker, sluiceTicked, tick, tick))
        try SystemError.check("uv_prepare_start", uv_prepare_start(prepare, sluicePreparing))
        try SystemError.check("uv_check_start", uv_check_start(check, sluiceChecking))
    }

    func close() {
        // The loop's handles are closed before their memory goes; libuv needs a turn for that, in which callbacks
        // find nobody any more.
        uv_loop_set_data(loop, nil)
        let handles: [UnsafeMutableRawPointer] = [
            .init(sockets), .init(urgentSockets), .init(waker), .init(ticker), .init(roundTimer), .init(prepare),
            .init(check),
        ]
        for handle in handles { uv_close(handle.assumingMemoryBound(to: uv_handle_t.self), nil) }
        uv_run(loop, UV_RUN_DEFAULT)
        uv_loop_close(loop)
        sockets.deallocate()
        urgentSockets.deallocate()
        waker.deallocate()
        ticker.deallocate()
        roundTimer.deallocate()
        prepare.deallocate()
        check.deallocate()
        loop.deallocate()
    }

    /// libuv's clock in milliseconds, as of the last `updateClock`.
    var now: Int { Int(uv_now(loop)) }

    func updateClock() { uv_update_time(loop) }

    /// A hand on the loop that other threads may use.
    var wakeHandle: WakeHandle { WakeHandle(waker) }

    /// Has the loop turn once more without waiting.
    func wake() { uv_async_send(waker) }

    /// Ordinary sockets are served every `milliseconds` instead of when they are ready; 0: when they are ready again.
    func serve(inRoundsOf milliseconds: Int) {
        if milliseconds > 0 {
            uv_poll_stop(sockets)
            uv_timer_start(roundTimer, sluiceRoundDue, UInt64(milliseconds), UInt64(milliseconds))
        } else {
            uv_timer_stop(roundTimer)
            uv_poll_start(sockets, Int32(UV_READABLE.rawValue), sluiceSocketsReady)
        }
    }
}

/// Lets other threads wake a loop.
///
/// `@unchecked Sendable`: `uv_async_send` is the one call of libuv that any thread may make; whoever holds this keeps
/// the loop alive until the last wake.
package struct WakeHandle: @unchecked Sendable {
    private let handle: UnsafeMutablePointer<uv_async_t>
    fileprivate init(_ handle: UnsafeMutablePointer<uv_async_t>) { self.handle = handle }
    package func wake() { uv_async_send(handle) }
}

// C callbacks are top-level functions: a closure would inherit the isolation of where it is written.
private func eventLoop(_ loop: UnsafeMutablePointer<uv_loop_t>?) -> EventLoop? {
    uv_loop_get_data(loop).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
}
private func sluiceSocketsReady(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    eventLoop(handle?.pointee.loop)?.socketsReady()
}
private func sluiceWoken(_ handle: UnsafeMutablePointer<uv_async_t>?) { eventLoop(handle?.pointee.loop)?.woken() }
private func sluiceTicked(_ handle: UnsafeMutablePointer<uv_timer_t>?) { eventLoop(handle?.pointee.loop)?.ticked() }
private func sluiceRoundDue(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
    eventLoop(handle?.pointee.loop)?.roundDue()
}
private func sluiceUrgentReady(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    eventLoop(handle?.pointee.loop)?.urgentReady()
}
private func sluicePreparing(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
    eventLoop(handle?.pointee.loop)?.waitBegins()
}
private func sluiceChecking(_ handle: UnsafeMutablePointer<uv_check_t>?) { eventLoop(handle?.pointee.loop)?.endTurn() }
