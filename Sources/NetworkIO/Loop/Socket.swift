import CLibuv
import Core
import WireProtocol

/// Why a socket is gone.
public enum SocketEnd: Sendable {
    /// We closed it.
    case local
    /// The peer closed its side.
    case peer
    /// Reading or writing failed.
    case failed(SystemError)
    /// TLS did not come about, or was broken.
    case insecure(TLSFault)
}

/// The line of sockets that one takes turns in with the others of its address.
public struct TurnLine: Hashable, Sendable {
    private let address: IPAddress?
    /// - Parameter address: the client's; nil: this machine's, or one that does not count for its address.
    package init(_ address: IPAddress?) { self.address = address }
}

/// A connected TCP socket that a loop watches: reads are handed to `received`, writes are queued as slices and leave
/// in one system call at the end of the loop's turn.
///
/// Subclasses are the protocols spoken over it; one object per connection keeps an idle one small.
/// Thread: the loop's.
open class Socket {
    /// Whose thread this is. The loop owns its sockets, and so outlives what they do.
    package unowned(unsafe) let loop: EventLoop
    @exclusivity(unchecked) package internal(set) var slot: UInt32 = 0
    /// Distinguishes this socket from others that have the slot before or after it.
    @exclusivity(unchecked) var generation: UInt32 = 0
    // From here on what sending touches, and a subclass's first fields right behind it: in as few cache lines as can
    // be.
    /// Bytes that wait to be written.
    @exclusivity(unchecked) final var output = OutputQueue()
    @exclusivity(unchecked) final var descriptor: Int32
    @exclusivity(unchecked) final var flags: Flags = []

    struct Flags: OptionSet {
        let rawValue: UInt16
        /// In the loop's list of sockets to flush.
        static let unflushed = Flags(rawValue: 1)
        /// The kernel's buffer is full; an edge will report room.
        static let blocked = Flags(rawValue: 2)
        static let paused = Flags(rawValue: 4)
        /// Bytes may wait that no further edge announces.
        static let unread = Flags(rawValue: 8)
        /// Shut down for writing as soon as the queue is empty.
        static let ending = Flags(rawValue: 16)
        static let shutDown = Flags(rawValue: 32)
        /// The peer's side ended; the end of the stream is behind what is still to be read.
        static let peerEnded = Flags(rawValue: 64)
        /// The end of the peer's stream was read.
        static let halfClosed = Flags(rawValue: 128)
        /// Closed as soon as the queue is empty.
        static let closing = Flags(rawValue: 256)
        /// Its writes may wait for the loop's next round.
        static let inRounds = Flags(rawValue: 512)
        /// Input that was kept back has its turn before further reading.
        static let continuing = Flags(rawValue: 1024)
        /// TLS lies between the queue and the kernel: the loop has its stream.
        static let secured = Flags(rawValue: 2048)
        /// Its handshake is not through.
        static let shaking = Flags(rawValue: 4096)
        /// In the loop's lines of sockets that have their turn later.
        static let inLine = Flags(rawValue: 8192)
        /// Any that forbids to write at once: unflushed, blocked, ending, shutDown, closing, secured.
        static let occupied = Flags(rawValue: 1 | 2 | 16 | 32 | 256 | 2048)
    }

    /// Watches `descriptor`, which is connected and non-blocking, and owns it from now on.
    /// - Parameter isUrgent: whether it is served at once whatever the load.
    public init(descriptor: Int32, loop: EventLoop, isUrgent: Bool = false) throws(SystemError) {
        self.loop = loop
        self.descriptor = descriptor
        loop.assertIsOnThread()
        loop.sockets.insert(self)
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | sluice_epoll_edge_triggered
        event.data.u64 = key
        let set = isUrgent ? loop.sets.urgent : loop.sets.ordinary
        if epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) != 0 {
            let error = SystemError(call: "epoll_ctl", number: sluice_errno())
            loop.sockets.remove(self)
            throw error
        }
    }

    deinit { if descriptor >= 0 { CLibuv.close(descriptor) } }

    // MARK: Calls to subclasses

    /// The kernel takes bytes again that it had refused; they are sent behind this call, if the socket is still open.
    open func unblocked() {}
    /// Bytes arrived; they may be changed in place and are gone after the call.
    open func received(_ bytes: UnsafeMutableRawBufferPointer) {}
    /// The socket is closed and gets no more calls; `queuedBytes` are those that never went out.
    open func ended(_ end: SocketEnd) {}
    /// The time asked for by `EventLoop.schedule` has come.
    open func timerFired() {}
    /// Whether the socket still has something to say after the peer ended its side.
    open var outlivesPeerEnd: Bool { false }
    /// All that was queued is with the kernel.
    open func drained() {}
    /// The kernel does not take all that is queued: what is left is going to be kept, in memory of its own.
    open func backedUp() {}
    /// The turn has come that `continueLater` asked for.
    open func continueInput() {}
    /// As a client of TLS: the TCP connection stands, and the handshake is under way.
    open func handshakeBegan() {}
    /// The handshake of TLS is through.
    open func secured() {}
    /// In whose line it stands when there is more input than a turn takes.
    open var turnLine: TurnLine { TurnLine(nil) }

    // MARK: What callers use

    /// Names this socket for as long as it is open.
    package var key: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    package var isOpen: Bool { descriptor >= 0 }
    /// Whether it speaks TLS, and the handshake is not through.
    package var isShakingHands: Bool { flags.contains(.shaking) }
    /// Bytes that wait for the kernel to take them.
    package var queuedBytes: Int {
        flags.contains(.secured) ? output.byteCount + loop.secure.unsentCount(of: self) : output.byteCount
    }
    /// Bytes of those that were sent here of which the kernel has not taken all that the peer needs to read them.
    package var untakenBytes: Int {
        flags.contains(.secured) ? output.byteCount + loop.secure.unsentPlainBytes(of: self) : output.byteCount
    }
    /// Bytes that wait for the kernel to take them, or for the peer to acknowledge them.
    package var unacknowledgedBytes: Int {
        queuedBytes + (descriptor >= 0 ? Int(max(sluice_unacknowledged(descriptor), 0)) : 0)
    }
    /// Whether the kernel refused bytes and has not made room since.
    package var isBlocked: Bool { flags.contains(.blocked) }

    /// Whether what is sent may wait for the loop's next round, when the loop has rounds.
    package var isInRounds: Bool {
        get { flags.contains(.inRounds) }
        set { if newValue { flags.insert(.inRounds) } else { flags.remove(.inRounds) } }
    }

    /// Queues a slice; it leaves at the end of the turn.
    @inline(__always)
    package func send(_ slice: FrameSlice) {
        loop.assertIsOnThread()
        guard descriptor >= 0, !flags.contains(.shutDown), !flags.contains(.ending) else { return }
        output.append(slice, &loop.scratch)
        flushLater()
    }

    /// Hands a slice to the kernel at once, if nothing is queued before it: for a socket that gets nothing else in this
    /// turn, whose queue and memory then need not be visited twice. What the kernel leaves is queued.
    /// - Returns: false: nothing was done, and the slice must be queued.
    @inline(__always)
    package func sendNow(_ slice: FrameSlice) -> Bool {
        guard descriptor >= 0, slice.length > 0, flags.isDisjoint(with: .occupied), output.isEmpty else { return false }
        let sent = CLibuv.send(descriptor, slice.buffer.base + slice.offset, slice.length, sluice_msg_nosignal)
        // What failed is tried again with the other sockets, and ends the socket there.
        guard sent > 0 else { return false }
        if sent < slice.length { sentInPart(slice, sent) }
        return true
    }

    private func sentInPart(_ slice: FrameSlice, _ sent: Int) {
        output.append(slice, sent: sent)
        flags.insert(.blocked)
        // What is left is looked at, and copied, with the other sockets.
        flushLater()
    }

    final func flushLater() {
        guard !flags.contains(.unflushed) else { return }
        flags.insert(.unflushed)
        loop.flushLater(self)
    }

    /// Hands what is queued to the kernel now, before the end of the turn.
    package func flushNow() {
        if !flags.contains(.blocked), queuedBytes > 0 { flush() }
    }

    /// Queues bytes that are kept by nobody else.
    package func send(_ buffer: FrameBuffer) {
        send(FrameSlice(buffer: buffer, offset: 0, length: buffer.count))
    }

    /// Drops what is queued behind the frame that is being written, so that what follows comes next.
    package func dropQueuedFrames() { output.dropFramesBehindFirst() }

    /// Stops reading until `resumeReading`.
    package func pauseReading() { flags.insert(.paused) }

    package func resumeReading() {
        guard flags.contains(.paused) else { return }
        flags.remove(.paused)
        if flags.contains(.unread) { standInLine() }
    }

    /// Has `continueInput` called in the next turn, behind others that wait for theirs.
    package func continueLater() {
        guard !flags.contains(.continuing) else { return }
        flags.insert(.continuing)
        standInLine()
    }

    private func standInLine() {
        guard !flags.contains(.inLine) else { return }
        flags.insert(.inLine)
        loop.readLater(self)
    }

    /// Sends what is queued, then ends our side; the peer's side is read until it ends too.
    package func endAfterFlush() {
        guard descriptor >= 0 else { return }
        flags.insert(.ending)
        flushLater()
    }

    /// Sends what is queued, then closes: for a peer that has nothing more to say. One packet and two system calls
    /// less than ending our side first.
    package func closeAfterFlush() {
        if descriptor >= 0 { flags.insert(.closing) }
        endAfterFlush()
    }

    /// Closes at once; what is queued is lost.
    package func close() { finish(.local) }

    /// Resets the connection instead of ending it in order: nothing lingers in the kernel.
    package func reset() {
        guard descriptor >= 0 else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        finish(.local)
    }

    final func finish(_ end: SocketEnd) {
        loop.assertIsOnThread()
        guard descriptor >= 0 else { return }
        if flags.contains(.secured) { loop.secure.sayEnd(of: self, end) }
        CLibuv.close(descriptor)
        descriptor = -1
        loop.forgetTimer(of: self)
        loop.sockets.remove(self)
        ended(end)
        output = OutputQueue()
        if flags.contains(.secured) { forgetStream() }
    }

    // MARK: What the loop calls

    /// - Parameter buffer: to read into; nil: it is read in a later turn.
    func ready(_ events: UInt32, _ buffer: UnsafeMutableRawBufferPointer?) {
        if events & EPOLLOUT.rawValue != 0, flags.contains(.blocked) {
            flags.remove(.blocked)
            unblocked()
            flush()
        }
        guard descriptor >= 0 else { return }
        let ends = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        if events & ends != 0 { flags.insert(.peerEnded) }
        // A connection that is gone for good is not kept waiting for whatever its reading was paused for.
        if events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { flags.remove(.paused) }
        guard events & (EPOLLIN.rawValue | ends) != 0 else { return }
        if let buffer { readNow(buffer) } else { readLater() }
    }

    /// Bytes may wait that no further edge announces: they are read in a later turn, once reading is not paused. Those
    /// for a handshake have lines of their own.
    private func readLater() {
        let isNews = !flags.contains(.unread)
        flags.insert(.unread)
        if flags.contains(.shaking) {
            if isNews { loop.shakeLater(self) }
        } else if !flags.contains(.paused) {
            standInLine()
        }
    }

    /// Goes on where an earlier turn stopped: with what it kept back, or by reading.
    func takeTurn(_ buffer: UnsafeMutableRawBufferPointer) {
        flags.remove(.inLine)
        guard descriptor >= 0 else { return }
        guard flags.contains(.continuing) else { return readNow(buffer) }
        flags.remove(.continuing)
        continueInput()
        // What is still to be read has its own turn.
        if descriptor >= 0, flags.contains(.unread) { readLater() }
    }

    /// Reads once. A read that was shorter than the buffer emptied the socket, and an edge reports what comes later
    /// (epoll(7)); one that filled the buffer is followed by another in the next turn, after the other sockets.
    func readNow(_ buffer: UnsafeMutableRawBufferPointer) {
        guard descriptor >= 0 else { return }
        guard flags.isDisjoint(with: [.shaking, .paused, .inLine]) else { return readLater() }
        readOnce(buffer)
    }

    final func readOnce(_ buffer: UnsafeMutableRawBufferPointer) {
        flags.remove(.unread)
        let length = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if length == 0 {
            flags.insert(.halfClosed)
            return finishIfPeerEnded()
        }
        if length < 0 {
            if sluice_errno() != EAGAIN && sluice_errno() != EINTR {
                finish(.failed(SystemError(call: "recv", number: sluice_errno())))
            }
            return
        }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<length])
        if flags.contains(.secured) { receivedSecured(bytes) } else { received(bytes) }
        if descriptor >= 0, length == buffer.count || flags.contains(.peerEnded) { readLater() }
    }

    func flush() {
        flags.remove(.unflushed)
        guard descriptor >= 0 else { return }
        if flags.contains(.secured) {
            flushSecured()
        } else if !flags.contains(.blocked), !output.isEmpty {
            wrote(output.write(to: descriptor, isLast: flags.contains(.closing)))
        }
        guard descriptor >= 0 else { return }
        if flags.contains(.blocked) { backedUp() }
        guard output.isEmpty else { return output.copyTransientSlices() }
        // With TLS the queue is empty before the last record is out.
        guard queuedBytes == 0, flags.isDisjoint(with: [.blocked, .shaking]) || flags.contains(.ending) else { return }
        if flags.contains(.closing) { return finish(.local) }
        if flags.contains(.ending), !flags.contains(.shutDown) {
            flags.insert(.shutDown)
            shutdown(descriptor, Int32(SHUT_WR))
        }
        drained()
        finishIfPeerEnded()
    }

    final func wrote(_ written: OutputQueue.Written) {
        switch written {
        case .all: break
        case .blocked: flags.insert(.blocked)
        case .failed(let number): finish(.failed(SystemError(call: "send", number: number)))
        }
    }

    final func finishIfPeerEnded() {
        if flags.contains(.halfClosed), !outlivesPeerEnd { finish(.peer) }
    }
}
