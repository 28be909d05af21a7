import CLibuv
import Core
import WireProtocol

/// The events of a loop, always on the loop's thread.
package protocol EventLoopDelegate: AnyObject {
    /// Somebody called `wake()`: there is mail.
    func loopWoken()
    /// `EventLoop.tickMilliseconds` went by.
    func loopTicked()
    /// All input of this turn was taken; its consequences must be handed to the sockets now.
    func loopTurnEnding()
    /// All that was handed to the sockets is with the kernel, or kept by them until the kernel takes it.
    func loopTurnEnded()
    /// A handshake of TLS went on, which has taken so long; perhaps it was the socket's end.
    func loop(shookHandsOf socket: Socket, nanoseconds: Int)
    /// The client of a server of TLS speaks something else. The socket is plain from now on, and what the client has
    /// sent so far is dropped; whoever has served nothing of the kind resets it.
    func loop(sawPlain socket: Socket)
}

extension EventLoopDelegate {
    package func loop(shookHandsOf socket: Socket, nanoseconds: Int) {}
    package func loop(sawPlain socket: Socket) { socket.reset() }
}

/// One thread's libuv loop with the sockets that it watches.
///
/// Thread: everything but `wake()` belongs to the thread that calls `run()`.
public final class EventLoop {
    /// How far apart two ticks are; the grain of all timers.
    package static let tickMilliseconds: Int = 250
    /// How long one turn takes input; what is left comes first in the next one, by address. Long enough that a busy
    /// turn's writes are shared by many, short enough that four turns are no delay that anybody notices.
    private static let inputNanosecondsMax = 4_000_000
    /// An address' part of a turn while others wait: some hundred messages.
    private static let lineNanoseconds = 500_000
    /// How often the clock is read while sockets are served as they come. Who has dear input looks by itself.
    private static let readsPerLook = 8
    /// How long one turn goes on with handshakes of TLS: some ten with a P-256 key, two with one of RSA.
    private static let handshakeNanosecondsMax = 2_000_000
    /// Bytes that one read takes at most. Large enough that a busy sender's backlog comes in few calls, small enough
    /// to stay in the second-level cache.
    private static let readBufferBytes = 128 * 1024

    /// Whoever runs the loop: it owns the loop, and so lives as long. Set before `run()`.
    @exclusivity(unchecked) package unowned(unsafe) var delegate: (any EventLoopDelegate)?
    /// The object that sockets of this loop reach as theirs, for those who made them. It lives as long as the loop. Set
    /// before `run()`.
    @inlinable package var owner: AnyObject? {
        get { heldOwner }
        set { heldOwner = newValue }
    }
    // Other modules read these by properties that are inlined: `@exclusivity(unchecked)` is known in this module alone,
    // and they would check each access, half a dozen for each message.
    @exclusivity(unchecked) @usableFromInline unowned(unsafe) var heldOwner: AnyObject?
    @exclusivity(unchecked) @usableFromInline private(set) var clock: LoopClock
    /// Where `unixNow` comes from; tests set it.
    @exclusivity(unchecked) package var wallClock: () -> Int = Clock.unixMilliseconds
    @exclusivity(unchecked) private var writes = WriteMeter()
    @exclusivity(unchecked) private var busyMeter = BusyMeter(at: Clock.monotonicNanoseconds())

    private let handles: LoopHandles
    let sets: EpollSets
    @exclusivity(unchecked) private var probe: QueueProbe
    private let readBuffer: UnsafeMutableRawBufferPointer

    @exclusivity(unchecked) package var sockets = SocketTable()
    /// Frames that leave in this turn. Its memory is filled anew in the next one.
    @inlinable package var scratch: FrameArena {
        _read { yield heldScratch }
        _modify { yield &heldScratch }
    }
    @exclusivity(unchecked) @usableFromInline var heldScratch = FrameArena(
        capacityMin: 16 * 1024, capacityMax: 64 * 1024, isTransient: true)
    @exclusivity(unchecked) private var wheel: TimerWheel
    /// Sockets that are written to at the end of this turn.
    @exclusivity(unchecked) private var unflushed: ContiguousArray<Socket> = []
    @exclusivity(unchecked) private var round = Round()
    /// Sockets with input for a later turn, which comes without waiting.
    @exclusivity(unchecked) private var unread = FairLines<TurnLine, Socket>(quantum: lineNanoseconds)
    /// Until when this turn's input was served, as the clock was last read; 0: this turn took none yet.
    @exclusivity(unchecked) private var servedNanoseconds = 0
    /// The streams of sockets that speak TLS, and their memory; made for the first one.
    private(set) lazy var secure = SecureSockets(receivedBytesMax: Self.readBufferBytes)
    /// Sockets with input for their handshake. These have a part of each turn, so that many who come do not keep those
    /// waiting who are in.
    @exclusivity(unchecked) private var shaking = FairLines<TurnLine, Socket>(quantum: lineNanoseconds)
    /// The thread that calls `run()`; nil before.
    private var thread: pthread_t?

    /// - Throws: `SystemError` when the system is out of descriptors or memory.
    package init() throws(SystemError) {
        sets = try EpollSets()
        probe = try QueueProbe(epoll: sets.ordinary)
        handles = try LoopHandles(sets)
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 64)
        clock = LoopClock(now: handles.now, unixNow: wallClock())
        wheel = TimerWheel(start: handles.now, tickMilliseconds: Self.tickMilliseconds)
        try handles.start(for: self)
    }

    deinit {
        handles.close()
        probe.close()
        sets.close()
        readBuffer.deallocate()
        sockets.deallocate()
    }

    // MARK: Time

    /// The node's monotonic clock in milliseconds, read once per turn.
    @inlinable package var now: Int { clock.now }
    /// Milliseconds since the Unix epoch, read once per turn: a stamp for people. Nothing is timed by it, as it may be
    /// set.
    @inlinable package var unixNow: Int { clock.unixNow }
    /// Both clocks, as of this turn.
    package var moment: Moment { clock.moment }
    /// Deadlines of others are judged by this. It is `now`, but for a second after a stall of this thread the time
    /// before it: what they did meanwhile has not all been read yet.
    package var fairNow: Int { clock.fairNow }
    /// When this turn's input began to be taken, on `Clock.monotonicNanoseconds()`.
    @inlinable package var turnNanoseconds: Int { clock.turnNanoseconds }

    // MARK: Running

    /// Serves until `stop()`.
    package func run() {
        thread = pthread_self()
        clock.started(at: handles.now)
        uv_run(uvLoop, UV_RUN_DEFAULT)
    }

    /// Serves one turn instead: waits until there is something to do, a tick at the longest.
    package func runTurn() {
        thread = pthread_self()
        uv_run(uvLoop, UV_RUN_ONCE)
    }

    /// Makes `run()` return after this turn.
    package func stop() {
        assertIsOnThread()
        uv_stop(uvLoop)
    }

    /// In debug builds: that the caller is on the loop's thread, or that the loop does not run yet.
    func assertIsOnThread() {
        assert(thread.map { pthread_equal($0, pthread_self()) != 0 } ?? true, "a loop is used by another thread")
    }

    /// The handle that others put handles of their own beside.
    var uvLoop: UnsafeMutablePointer<uv_loop_t> { handles.loop }

    /// A hand on the loop that other threads may use.
    package var wakeHandle: WakeHandle { handles.wakeHandle }

    /// The largest delay of a tick since the last call, in milliseconds: how long the thread was busy elsewhere.
    package func takeLag() -> Int {
        assertIsOnThread()
        return clock.takeLag()
    }

    // MARK: Load

    /// How long what arrives waits in the kernel until this loop looks at it, as it was measured since the last call:
    /// the shortest and the longest wait in microseconds; nil when nothing was read meanwhile.
    package func takeQueueDelay() -> (min: Int, max: Int)? { probe.take(isWaiting: round.milliseconds == 0) }

    /// The share of the time since the last call in which the loop had something to do, 0 … 1.
    package func takeBusyShare() -> Double { busyMeter.takeShare(at: Clock.monotonicNanoseconds()) }

    /// Whether writes are measured.
    package var measuresWrites: Bool {
        get { writes.isOn }
        set { writes.isOn = newValue }
    }

    /// How long the writes of ended turns took since the last call, in nanoseconds; of the time in which they were
    /// measured.
    package func takeWriteNanoseconds() -> Int { writes.take() }

    /// How far apart the rounds are in which the loop reads and writes, in milliseconds; 0: it does so as things come.
    ///
    /// In rounds each socket is read at most once, then each one in rounds written to at most once: a system call costs
    /// the same whatever the size, and so the work that a busy loop has for them is bounded. Urgent sockets, mail and
    /// timers go on as they come; what they cause for sockets in rounds waits for the round.
    package var roundMilliseconds: Int {
        get { round.milliseconds }
        set {
            guard newValue != round.milliseconds else { return }
            round.changed(to: newValue)
            handles.serve(inRoundsOf: newValue)
            if newValue == 0 { handles.wake() }
        }
    }

    /// This turn's end hands nothing to sockets in rounds: it waits for the next round.
    package var isRoundAwaited: Bool { round.isAwaited }

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
        if round.milliseconds > 0, socket.isInRounds { round.keep(socket) } else { unflushed.append(socket) }
    }

    func readLater(_ socket: Socket) {
        assertIsOnThread()
        if unread.isEmpty { handles.wake() }
        unread.append(socket, to: socket.turnLine)
    }

    func shakeLater(_ socket: Socket) {
        assertIsOnThread()
        if shaking.isEmpty { handles.wake() }
        shaking.append(socket, to: socket.turnLine)
    }

    /// When the input that is served now began to be, or a little before, on `Clock.monotonicNanoseconds()`.
    package var inputNanoseconds: Int { max(servedNanoseconds, clock.turnNanoseconds) }

    /// `Clock.monotonicNanoseconds()`, for whoever serves dear input: the turn's time for input ends by it, too.
    package func look() -> Int {
        let now = Clock.monotonicNanoseconds()
        if servedNanoseconds > 0 { servedNanoseconds = now }
        return now
    }

    /// Sockets whose handshake waits for its part of a turn. While these are many, nobody new needs to be taken.
    package var waitingHandshakes: Int { shaking.count }

    // MARK: What libuv calls

    func socketsReady() {
        updateClock()
        takeTurnsInput()
    }

    func urgentReady() {
        updateClock()
        _ = serveUrgent()
    }

    /// Serves urgent sockets that are ready, and says how many those were.
    private func serveUrgent() -> Int {
        let ready = sets.fetch(sets.urgent)
        for event in ready { sockets.find(event.data.u64)?.ready(event.events, readBuffer) }
        return ready.count
    }

    /// Takes input once in a turn, whichever way the turn came about.
    private func takeTurnsInput() {
        guard servedNanoseconds == 0 else {
            // Who has waited since has the next turn; the wake that was to bring it may be the one of this turn.
            if !unread.isEmpty { handles.wake() }
            return
        }
        let isRound = round.milliseconds > 0
        let end = clock.turnNanoseconds + Self.inputNanosecondsMax
        let served = takeInput(fetches: isRound ? 0 : unread.isEmpty ? 1 : fetchesOfAll, until: end)
        if served > 0, !isRound { probe.send() }
    }

    /// Fetches after which each ordinary socket that was ready was seen: those that become ready meanwhile wait.
    private var fetchesOfAll: Int { sockets.count / EpollSets.eventsPerFetch + 1 }

    /// Takes input of ordinary sockets until the time is up. As long as that is enough for all, they are served as they
    /// come. When it is not, those that are ready wait in the lines of their addresses, and the lines take turns.
    /// - Returns: how many were served.
    private func takeInput(fetches: Int, until end: Int) -> Int {
        servedNanoseconds = clock.turnNanoseconds
        let waiting = unread.count
        var (left, served) = (fetches, 0)
        while left > 0 {
            let ready = sets.fetch(sets.ordinary)
            let before = unread.count
            serve(ready, until: waiting > 0 ? 0 : end)
            served += max(0, ready.count - (unread.count - before))
            left = ready.count == EpollSets.eventsPerFetch ? left - 1 : 0
        }
        if waiting > 0 { served += serveLines(until: end) }
        if round.milliseconds > 0 { round.tookInput(served: served, leaving: unread.count) }
        return served
    }

    /// Serves sockets that are ready. Those that are left when the time is up wait in line: nothing of what the kernel
    /// said is lost, as it says it once.
    private func serve(_ ready: UnsafeBufferPointer<epoll_event>, until end: Int) {
        for (index, event) in ready.enumerated() {
            if index % Self.readsPerLook == Self.readsPerLook - 1 { _ = look() }
            let isLate = servedNanoseconds >= end
            if event.data.u64 == QueueProbe.key {
                probe.reached(behind: isLate ? unread.count : 0, counts: round.milliseconds == 0)
            } else if let socket = sockets.find(event.data.u64) {
                socket.ready(event.events, isLate ? nil : readBuffer)
            }
        }
    }

    /// Serves sockets that waited, each about once, and leaves the others to the next turn.
    /// - Returns: how many were served.
    private func serveLines(until end: Int) -> Int {
        let most = round.milliseconds > 0 ? unread.count : min(unread.count, EpollSets.eventsPerFetch)
        var left = most
        while left > 0, servedNanoseconds < end, let (line, socket) = unread.popFirst() {
            let start = servedNanoseconds
            socket.takeTurn(readBuffer)
            unread.charge(look() - start, to: line)
            probe.passed(counts: round.milliseconds == 0)
            left -= 1
        }
        if !unread.isEmpty { handles.wake() }
        return most - left
    }

    func woken() {
        updateClock()
        if !unread.isEmpty { takeTurnsInput() }
        shakeHands()
        delegate?.loopWoken()
    }

    /// Goes on with handshakes, those of an address in the order in which they have something to go on with.
    private func shakeHands() {
        guard !shaking.isEmpty else { return }
        var now = Clock.monotonicNanoseconds()
        let end = now + Self.handshakeNanosecondsMax
        while now < end, let (line, socket) = shaking.popFirst() {
            let start = now
            if socket.isOpen { socket.readOnce(readBuffer) }
            now = Clock.monotonicNanoseconds()
            shaking.charge(now - start, to: line)
            delegate?.loop(shookHandsOf: socket, nanoseconds: now - start)
        }
        if !shaking.isEmpty { handles.wake() }
    }

    /// A round: all that is ready is read; what that caused is written at the end of this turn.
    func roundDue() {
        updateClock()
        // A round that is late, or has left input to the next one, makes that wait for longer than planned.
        if let wait = round.began(at: clock.turnNanoseconds) { probe.waited(wait / 1000) }
        // A round's reads may take half of it: what is read later is written with the next one.
        let time = max(Self.inputNanosecondsMax, round.milliseconds * 500_000)
        _ = takeInput(fetches: fetchesOfAll, until: clock.turnNanoseconds + time)
    }

    func ticked() {
        updateClock()
        // In rounds one of them may stand before the tick: that is meant so.
        if clock.ticked(interval: Self.tickMilliseconds + round.milliseconds) { readWhatCameInStall() }
        while let slot = wheel.popDue(at: now) { sockets.at(slot)?.timerFired() }
        delegate?.loopTicked()
    }

    /// This thread stood still, or the whole process: what came meanwhile is read before anybody is judged by the time
    /// that has passed.
    private func readWhatCameInStall() {
        while serveUrgent() == EpollSets.eventsPerFetch {}
        _ = takeInput(fetches: fetchesOfAll, until: .max)
    }

    /// Nothing is left to do until something happens.
    func waitBegins() {
        endTurn()
        // libuv computes how long it may wait from its own clock, which stands still while callbacks work.
        handles.updateClock()
        busyMeter.waitBegan(at: Clock.monotonicNanoseconds())
    }

    func endTurn() {
        servedNanoseconds = 0
        delegate?.loopTurnEnding()
        if !round.isAwaited, !round.sockets.isEmpty { round.release(to: &unflushed) }
        writes.began(isEmpty: unflushed.isEmpty)
        var index = 0
        // Flushing may close sockets, and closing may queue for others; the list may grow meanwhile.
        while index < unflushed.count {
            unflushed[index].flush()
            index += 1
        }
        writes.ended()
        unflushed.removeAll(keepingCapacity: true)
        sockets.releaseClosed()
        // Frames that wait for a round lie in it.
        if round.sockets.isEmpty { scratch.recycle() }
        delegate?.loopTurnEnded()
        round.turnEnded()
    }

    /// Sets both clocks by hand, for a simulation: it runs no turns, which would set them again.
    package func pretend(_ moment: Moment) {
        clock.turnBegan(at: moment.now, unix: moment.unix, nanoseconds: clock.turnNanoseconds)
    }

    private func updateClock() {
        handles.updateClock()
        let nanoseconds = Clock.monotonicNanoseconds()
        busyMeter.waitEnded(at: nanoseconds)
        clock.turnBegan(at: handles.now, unix: wallClock(), nanoseconds: nanoseconds)
    }
}
