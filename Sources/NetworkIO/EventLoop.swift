import CLibuv
import Foundations
import WireProtocol

/// What an event loop tells its owner, always on the loop's thread.
package protocol EventLoopDelegate: AnyObject {
    /// Somebody called `wake()`: there is mail.
    func loopWoken()
    /// `EventLoop.tickMilliseconds` went by.
    func loopTicked()
    /// All input of this turn was taken; what it caused is to be handed to the sockets now.
    func loopTurnEnding()
    /// What was handed to the sockets is with the kernel, or kept by them until the kernel takes it.
    func loopTurnEnded()
}

/// One thread's libuv loop with the sockets that it watches.
///
/// Thread: everything but `wake()` belongs to the thread that calls `run()`.
///
/// Connection sockets are members of one edge-triggered epoll set that libuv polls as a single handle. A connection
/// then costs no libuv handle (160–248 bytes each), joining and leaving the set is one system call each, and a turn
/// fetches up to `eventsPerFetch` ready sockets at once; see docs/decisions/0001-sockets-in-one-epoll-set.md.
public final class EventLoop {
    /// How far apart two ticks are; the grain of all timers.
    package static let tickMilliseconds: Int = 250
    /// Sockets that one turn reads at most. Enough that what many senders tell one room leaves in one write per
    /// member; more would only keep what was read waiting for the writes of all the others.
    private static let eventsPerFetch = 128
    /// Bytes that one read takes at most. Large enough that a busy sender's backlog comes in few calls, small enough
    /// to stay in the second-level cache.
    private static let readBufferBytes = 128 * 1024

    /// Whoever runs the loop: it owns the loop, and so lives as long. Set before `run()`.
    package unowned(unsafe) var delegate: (any EventLoopDelegate)?
    /// The node's monotonic clock in milliseconds, read once per turn.
    package private(set) var now: Int
    /// Milliseconds since the Unix epoch, read once per turn.
    package private(set) var unixNow: Int
    /// The largest delay of a tick since `takeLag()`, in milliseconds.
    private var lagMax: Int = 0

    let loop: UnsafeMutablePointer<uv_loop_t>
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private let waker: UnsafeMutablePointer<uv_async_t>
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    let epoll: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private let readBuffer: UnsafeMutableRawBufferPointer

    package var sockets = SocketTable()
    /// Frames that leave in this turn. Its memory is filled anew in the next one.
    package var scratch = FrameArena(capacityMin: 16 * 1024, capacityMax: 64 * 1024, isTransient: true)
    private var wheel: TimerWheel
    private var unflushed: ContiguousArray<Socket> = []
    private var readAgain: ContiguousArray<Socket> = []
    private var lastTick: Int = 0

    /// - Throws: `SystemError` when the system is out of descriptors or memory.
    package init() throws(SystemError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemError(call: "epoll_create1", number: sluice_errno()) }
        loop = .allocate(capacity: 1)
        poll = .allocate(capacity: 1)
        waker = .allocate(capacity: 1)
        timer = .allocate(capacity: 1)
        prepare = .allocate(capacity: 1)
        check = .allocate(capacity: 1)
        events = .allocate(capacity: Self.eventsPerFetch)
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 64)
        try SystemError.check("uv_loop_init", uv_loop_init(loop))
        now = Int(uv_now(loop))
        unixNow = Clock.unixMilliseconds()
        wheel = TimerWheel(start: now, tickMilliseconds: Self.tickMilliseconds)
        try SystemError.check("uv_poll_init", uv_poll_init(loop, poll, epoll))
        try SystemError.check("uv_async_init", uv_async_init(loop, waker, sluiceWoken))
        try SystemError.check("uv_timer_init", uv_timer_init(loop, timer))
        try SystemError.check("uv_prepare_init", uv_prepare_init(loop, prepare))
        try SystemError.check("uv_check_init", uv_check_init(loop, check))
        uv_loop_set_data(loop, Unmanaged.passUnretained(self).toOpaque())
        try SystemError.check("uv_poll_start", uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceSocketsReady))
        let tick = UInt64(Self.tickMilliseconds)
        try SystemError.check("uv_timer_start", uv_timer_start(timer, sluiceTicked, tick, tick))
        try SystemError.check("uv_prepare_start", uv_prepare_start(prepare, sluicePreparing))
        try SystemError.check("uv_check_start", uv_check_start(check, sluiceChecking))
    }

    deinit {
        // The loop's handles are closed before their memory goes; libuv needs a turn for that, in which callbacks
        // find nobody any more.
        uv_loop_set_data(loop, nil)
        for handle in handles { uv_close(handle, nil) }
        uv_run(loop, UV_RUN_DEFAULT)
        uv_loop_close(loop)
        close(epoll)
        poll.deallocate()
        waker.deallocate()
        timer.deallocate()
        prepare.deallocate()
        check.deallocate()
        loop.deallocate()
        events.deallocate()
        readBuffer.deallocate()
        sockets.deallocate()
    }

    private var handles: [UnsafeMutablePointer<uv_handle_t>] {
        [
            UnsafeMutableRawPointer(poll), UnsafeMutableRawPointer(waker), UnsafeMutableRawPointer(timer),
            UnsafeMutableRawPointer(prepare), UnsafeMutableRawPointer(check),
        ].map { $0.assumingMemoryBound(to: uv_handle_t.self) }
    }

    /// Serves until `stop()`.
    package func run() {
        lastTick = Int(uv_now(loop))
        uv_run(loop, UV_RUN_DEFAULT)
    }

    /// Serves one turn instead: waits until there is something to do, a tick at the longest.
    package func runTurn() { uv_run(loop, UV_RUN_ONCE) }

    /// Makes `run()` return after this turn.
    package func stop() { uv_stop(loop) }

    /// A hand on the loop that other threads may use.
    package var wakeHandle: WakeHandle { WakeHandle(waker) }

    /// The largest delay of a tick since the last call, in milliseconds: how long the thread was busy elsewhere.
    package func takeLag() -> Int {
        defer { lagMax = 0 }
        return lagMax
    }

    // MARK: What sockets ask for

    /// Has `socket` called with `timerFired()` at `due` (on `now`'s clock), instead of any earlier wish.
    package func schedule(_ socket: Socket, at due: Int) { wheel.schedule(socket.slot, at: due) }

    /// The socket with this key, unless it is gone. Asked here, as handing out the table would copy it.
    package func socket(_ key: UInt64) -> Socket? { sockets.find(key) }

    func forgetTimer(of socket: Socket) { wheel.cancel(socket.slot) }
    func flushLater(_ socket: Socket) { unflushed.append(socket) }

    func readLater(_ socket: Socket) {
        if readAgain.isEmpty { uv_async_send(waker) }
        readAgain.append(socket)
    }

    // MARK: What libuv calls

    fileprivate func socketsReady() {
        updateClock()
        let count = epoll_wait(epoll, events, Int32(Self.eventsPerFetch), 0)
        guard count > 0 else { return }
        for index in 0..<Int(count) {
            let event = events[index]
            sockets.find(event.data.u64)?.ready(event.events, readBuffer)
        }
    }

    fileprivate func woken() {
        updateClock()
        if !readAgain.isEmpty {
            let again = readAgain
            readAgain = []
            for socket in again { socket.readNow(readBuffer) }
        }
        delegate?.loopWoken()
    }

    fileprivate func ticked() {
        updateClock()
        lagMax = max(lagMax, now - lastTick - Self.tickMilliseconds)
        lastTick = now
        while let slot = wheel.popDue(at: now) { sockets.at(slot)?.timerFired() }
        delegate?.loopTicked()
    }

    fileprivate func endTurn() {
        delegate?.loopTurnEnding()
        var index = 0
        // Flushing may close sockets, and closing may queue for others; the list may grow meanwhile.
        while index < unflushed.count {
            unflushed[index].flush()
            index += 1
        }
        unflushed.removeAll(keepingCapacity: true)
        sockets.releaseClosed()
        scratch.recycle()
        delegate?.loopTurnEnded()
    }

    private func updateClock() {
        uv_update_time(loop)
        now = Int(uv_now(loop))
        unixNow = Clock.unixMilliseconds()
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
private func sluicePreparing(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
    eventLoop(handle?.pointee.loop)?.endTurn()
}
private func sluiceChecking(_ handle: UnsafeMutablePointer<uv_check_t>?) { eventLoop(handle?.pointee.loop)?.endTurn() }
