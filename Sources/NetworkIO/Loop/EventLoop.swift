import CLibuv
import Core
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
    /// What the sockets of this loop reach as theirs, for those who made them. It lives as long as the loop. Set before
    /// `run()`.
    package var owner: AnyObject? {
        get { heldOwner }
        set { heldOwner = newValue }
    }
    /// Not read by other modules themselves: they would check each access, half a dozen for each message.
    @exclusivity(unchecked) private unowned(unsafe) var heldOwner: AnyObject?
    /// The node's monotonic clock in milliseconds, read once per turn.
    package private(set) var now: Int
    /// Milliseconds since the Unix epoch, read once per turn: a stamp for people. Nothing is timed by it, as it may be
    /// set.
    package private(set) var unixNow: Int
    /// Where `unixNow` comes from; tests set it.
    package var wallClock: () -> Int = Clock.unixMilliseconds
    /// Both clocks, as of this turn.
    package var moment: Moment { Moment(now: now, unix: unixNow) }
    /// By this deadlines of others are judged. It is `now`, but for a second after a stall of this thread the time
    /// before it: what they did meanwhile has not all been read yet.
    package var fairNow: Int { now < ticks.stallEnd + Self.hearingMilliseconds ? now - ticks.stallLength : now }

    /// A tick that is late by so much makes a stall.
    private static let stallMilliseconds = 500
    /// After a stall others have so long to be heard.
    private static let hearingMilliseconds = 1_000

    /// When this turn's input began to be taken, on `Clock.monotonicNanoseconds()`.
    package private(set) var turnNanoseconds = 0
    private var ticks = Ticks()

    let loop: UnsafeMutablePointer<uv_loop_t>
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private let waker: UnsafeMutablePointer<uv_async_t>
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private let releaseTimer: UnsafeMutablePointer<uv_timer_t>
    let epoll: Int32
    /// A set of its own for sockets that are served at once whatever the load: connections to what the node itself
    /// needs.
    let urgentEpoll: Int32
    private let urgentPoll: UnsafeMutablePointer<uv_poll_t>
    private var probe: QueueProbe
    private let events: UnsafeMutablePointer<epoll_event>
    private let readBuffer: UnsafeMutableRawBufferPointer

    @exclusivity(unchecked) package var sockets = SocketTable()
    /// Frames that leave in this turn. Its memory is filled anew in the next one.
    @exclusivity(unchecked) package var scratch = FrameArena(
        capacityMin: 16 * 1024, capacityMax: 64 * 1024, isTransient: true)
    @exclusivity(unchecked) private var wheel: TimerWheel
    @exclusivity(unchecked) private var unflushed: ContiguousArray<Socket> = []
    /// Patient sockets with something to write, while that is collected.
    @exclusivity(unchecked) private var collected: ContiguousArray<Socket> = []
    private var isReleaseDue = false
    /// When the last round began, on `Clock.monotonicNanoseconds()`; 0: there was none yet.
    private var roundAt = 0
    private var readAgain: ContiguousArray<Socket> = []
    private var busyMeter = BusyMeter(at: Clock.monotonicNanoseconds())
    /// The thread that calls `run()`; nil before.
    private var thread: pthread_t?

    /// - Throws: `SystemError` when the system is out of descriptors or memory.
    package init() throws(SystemError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw SystemError(call: "epoll_create1", number: sluice_errno()) }
        urgentEpoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard urgentEpoll >= 0 else { throw SystemError(call: "epoll_create1", number: sluice_errno()) }
        loop = .allocate(capacity: 1)
        urgentPoll = .allocate(capacity: 1)
        poll = .allocate(capacity: 1)
        waker = .allocate(capacity: 1)
        timer = .allocate(capacity: 1)
        prepare = .allocate(capacity: 1)
        check = .allocate(capacity: 1)
        releaseTimer = .allocate(capacity: 1)
        probe = try QueueProbe(epoll: epoll)
        events = .allocate(capacity: Self.eventsPerFetch)
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 64)
        try SystemError.check("uv_loop_init", uv_loop_init(loop))
        now = Int(uv_now(loop))
        unixNow = wallClock()
        wheel = TimerWheel(start: now, tickMilliseconds: Self.tickMilliseconds)
        try SystemError.check("uv_poll_init", uv_poll_init(loop, poll, epoll))
        try SystemError.check("uv_poll_init", uv_poll_init(loop, urgentPoll, urgentEpoll))
        try SystemError.check("uv_async_init", uv_async_init(loop, waker, sluiceWoken))
        try SystemError.check("uv_timer_init", uv_timer_init(loop, timer))
        try SystemError.check("uv_timer_init", uv_timer_init(loop, releaseTimer))
        try SystemError.check("uv_prepare_init", uv_prepare_init(loop, prepare))
        try SystemError.check("uv_check_init", uv_check_init(loop, check))
        uv_loop_set_data(loop, Unmanaged.passUnretained(self).toOpaque())
        try SystemError.check("uv_poll_start", uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceSocketsReady))
        try SystemError.check(
            "uv_poll_start", uv_poll_start(urgentPoll, Int32(UV_READABLE.rawValue), sluiceUrgentReady))
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
        probe.close()
        close(epoll)
        close(urgentEpoll)
        poll.deallocate()
        urgentPoll.deallocate()
        waker.deallocate()
        releaseTimer.deallocate()
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
            UnsafeMutableRawPointer(releaseTimer), UnsafeMutableRawPointer(urgentPoll),
        ].map { $0.assumingMemoryBound(to: uv_handle_t.self) }
    }

    /// Serves until `stop()`.
    package func run() {
        thread = pthread_self()
        ticks.last = Int(uv_now(loop))
        uv_run(loop, UV_RUN_DEFAULT)
    }

    /// Serves one turn instead: waits until there is something to do, a tick at the longest.
    package func runTurn() {
        thread = pthread_self()
        uv_run(loop, UV_RUN_ONCE)
    }

    /// Makes `run()` return after this turn.
    package func stop() {
        assertIsOnThread()
        uv_stop(loop)
    }

    /// In debug builds: that the caller is on the loop's thread, or that the loop does not run yet.
    func assertIsOnThread() {
        assert(thread.map { pthread_equal($0, pthread_self()) != 0 } ?? true, "a loop is used by another thread")
    }

    /// A hand on the loop that other threads may use.
    package var wakeHandle: WakeHandle { WakeHandle(waker) }

    /// The largest delay of a tick since the last call, in milliseconds: how long the thread was busy elsewhere.
    package func takeLag() -> Int {
        assertIsOnThread()
        defer { ticks.lagMax = 0 }
        return ticks.lagMax
    }

    // MARK: Load

    /// How long what arrives waits in the kernel until this loop looks at it, as it was measured since the last call:
    /// the shortest and the longest wait in microseconds; nil when nothing was read meanwhile.
    package func takeQueueDelay() -> (min: Int, max: Int)? { probe.take(isWaiting: roundMilliseconds == 0) }

    /// The share of the time since the last call in which the loop had something to do, 0 … 1.
    package func takeBusyShare() -> Double { busyMeter.takeShare(at: Clock.monotonicNanoseconds()) }

    /// How far apart the rounds are in which the loop reads and writes, in milliseconds; 0: it does so as things come.
    ///
    /// In rounds each socket is read at most once, then each patient one written to at most once: a system call costs
    /// the same whatever the size, and so the work that a busy loop has for them is bounded. Urgent sockets, mail and
    /// timers go on as they come; what they cause for patient sockets waits for the round.
    @exclusivity(unchecked) package var roundMilliseconds: Int = 0 {
        didSet {
            guard roundMilliseconds != oldValue else { return }
            roundAt = 0
            if roundMilliseconds > 0 {
                let period = UInt64(roundMilliseconds)
                uv_poll_stop(poll)
                uv_timer_start(releaseTimer, sluiceRoundDue, period, period)
            } else {
                uv_timer_stop(releaseTimer)
                uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceSocketsReady)
                isReleaseDue = true
                uv_async_send(waker)
            }
        }
    }

    /// This turn's end hands nothing to patient sockets: it is being collected.
    package var isCollecting: Bool { roundMilliseconds > 0 && !isReleaseDue }

    // MARK: What sockets ask for

    /// Has `socket` called with `timerFired()` at `due` (on `now`'s clock), instead of any earlier wish.
    package func schedule(_ socket: Socket, at due: Int) {
        assertIsOnThread()
        wheel.schedule(socket.slot, at: due)
    }

    /// The socket with this key, unless it is gone. Asked here, as handing out the table would copy it.
    package func socket(_ key: UInt64) -> Socket? {
        assertIsOnThread()
        return sockets.find(key)
    }

    func forgetTimer(of socket: Socket) { wheel.cancel(socket.slot) }

    func flushLater(_ socket: Socket) {
        assertIsOnThread()
        if roundMilliseconds > 0, socket.isPatient { collected.append(socket) } else { unflushed.append(socket) }
    }

    func readLater(_ socket: Socket) {
        assertIsOnThread()
        if readAgain.isEmpty { uv_async_send(waker) }
        readAgain.append(socket)
    }

    // MARK: What libuv calls

    fileprivate func socketsReady() {
        updateClock()
        if fetch(epoll) > 0 { probe.send() }
    }

    fileprivate func urgentReady() {
        updateClock()
        _ = fetch(urgentEpoll)
    }

    /// Serves sockets that are ready, and says how many those were.
    private func fetch(_ epoll: Int32) -> Int {
        let count = Int(epoll_wait(epoll, events, Int32(Self.eventsPerFetch), 0))
        guard count > 0 else { return 0 }
        for index in 0..<count {
            let event = events[index]
            if event.data.u64 == QueueProbe.key {
                probe.arrived(counts: roundMilliseconds == 0)
            } else {
                sockets.find(event.data.u64)?.ready(event.events, readBuffer)
            }
        }
        return count
    }

    fileprivate func woken() {
        updateClock()
        readRest()
        delegate?.loopWoken()
    }

    /// Reads on where a read did not take all, or where reading was paused: as many sockets as a turn fetches.
    private func readRest() {
        guard !readAgain.isEmpty else { return }
        let again = ContiguousArray(readAgain.prefix(Self.eventsPerFetch))
        readAgain.removeFirst(again.count)
        if !readAgain.isEmpty { uv_async_send(waker) }
        for socket in again { socket.readNow(readBuffer) }
    }

    /// A round: all that is ready is read; what that caused is written at the end of this turn.
    fileprivate func roundDue() {
        updateClock()
        // A round that is late has made everybody wait for so much longer than it was to be.
        if roundAt > 0 {
            let due = roundAt + roundMilliseconds * 1_000_000
            probe.waited(max(0, turnNanoseconds - due) / 1000)
        }
        roundAt = turnNanoseconds
        // Sockets that become ready meanwhile wait for the next one.
        var left = sockets.count / Self.eventsPerFetch + 1
        while left > 0, fetch(epoll) == Self.eventsPerFetch { left -= 1 }
        isReleaseDue = true
    }

    fileprivate func ticked() {
        updateClock()
        // In rounds one of them may stand before the tick: that is meant so.
        let lag = now - ticks.last - Self.tickMilliseconds - roundMilliseconds
        ticks.lagMax = max(ticks.lagMax, lag)
        ticks.last = now
        if lag >= Self.stallMilliseconds { readWhatCameInStall(of: lag) }
        while let slot = wheel.popDue(at: now) { sockets.at(slot)?.timerFired() }
        delegate?.loopTicked()
    }

    /// This thread stood still, or the whole process: what came meanwhile is read before anybody is judged by the time
    /// that has passed. Each socket is read once; those that become ready meanwhile wait.
    private func readWhatCameInStall(of length: Int) {
        (ticks.stallEnd, ticks.stallLength) = (now, length)
        while fetch(urgentEpoll) == Self.eventsPerFetch {}
        var left = sockets.count / Self.eventsPerFetch + 1
        while left > 0, fetch(epoll) == Self.eventsPerFetch { left -= 1 }
        readRest()
    }

    /// Nothing is left to do until something happens.
    fileprivate func waitBegins() {
        endTurn()
        // libuv computes how long it may wait from its own clock, which stands still while callbacks work.
        uv_update_time(loop)
        busyMeter.waitBegan(at: Clock.monotonicNanoseconds())
    }

    fileprivate func endTurn() {
        delegate?.loopTurnEnding()
        if !isCollecting, !collected.isEmpty {
            unflushed.append(contentsOf: collected)
            collected.removeAll(keepingCapacity: true)
        }
        var index = 0
        // Flushing may close sockets, and closing may queue for others; the list may grow meanwhile.
        while index < unflushed.count {
            unflushed[index].flush()
            index += 1
        }
        unflushed.removeAll(keepingCapacity: true)
        sockets.releaseClosed()
        // What is collected lies in it.
        if collected.isEmpty { scratch.recycle() }
        delegate?.loopTurnEnded()
        isReleaseDue = false
    }

    /// Sets both clocks by hand, for a simulation: it runs no turns, which would set them again.
    package func pretend(_ moment: Moment) { (now, unixNow) = (moment.now, moment.unix) }

    private func updateClock() {
        uv_update_time(loop)
        turnNanoseconds = Clock.monotonicNanoseconds()
        busyMeter.waitEnded(at: turnNanoseconds)
        now = Int(uv_now(loop))
        unixNow = wallClock()
    }
}

/// How late the ticks of a loop were, in milliseconds.
private struct Ticks {
    /// When the last one was.
    var last = 0
    /// The largest delay since `takeLag()`.
    var lagMax = 0
    /// The last time that the thread stood still for long: when that was over, and how long it was.
    var stallEnd = Int.min / 2
    var stallLength = 0
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
