import Foundations
import NetworkIO
import Rooms
import WireProtocol

/// A client's connection: HTTP first, then perhaps a WebSocket in rooms.
///
/// One object for the connection's whole life, so that an idle one stays small; what only one phase needs hangs on
/// `phase`. Thread: its worker's.
final class Connection: Socket {
    enum Phase {
        case http(HTTPExchange)
        /// The upgrade is done; the user's home, then the URL room's, are asked.
        case opening(Opening)
        case chat
        /// Every message comes back (for conformance suites).
        case echo
        /// The close frame is queued; input is only searched for the peer's.
        case closing
        /// The peer broke the protocol: its close code is queued, and what it sends is thrown away until it ends.
        case discarding
        /// Both close frames were exchanged: the end comes when all is written.
        case finished
    }

    unowned let worker: Worker
    var phase: Phase
    var decoder = WebSocketDecoder()
    /// There from the answer of the user's home on.
    var info: ConnectionInfo?
    /// The room of the URL; kept when that room is left, as frames without a room mean it.
    var urlMembers: RoomMembers?
    var urlIndex: Int32 = -1
    /// Rooms joined later.
    var furtherRooms: [Membership] = []
    /// What waits for an answer before more input is taken.
    var wait: Wait?
    var rate = RateLimiter()
    var flood = FloodCounter()
    /// When the last byte came (loop milliseconds).
    var lastHeardAt: Int
    var nextPingAt = 0
    /// While a batch is delivered: the first cut of this connection in it.
    var firstCut: Int32 = -1
    /// Bad frames in a row.
    var badFrames: UInt8 = 0
    var wantsEcho = false
    /// Counted against the node's limit.
    var isCounted = false
    /// How others see this connection go: with the grace, or at once.
    var leavesAtOnce = false
    /// Among the worker's slow readers.
    private var isSlow = false
    /// The address that is counted, when there is a limit per address.
    var countedAddress: CountedAddress?

    /// Input that is left while the connection waits, and what it waits for.
    final class Wait {
        var input = ByteAccumulator()
        /// The room that was asked for.
        var joining: Identifier?
        /// The last entry of a replay that was sent, when more is to follow.
        var replayedTo: UInt64?
        init() {}
    }

    /// A box, because most connections have none and a pointer is all that it costs them.
    final class CountedAddress: Sendable {
        let address: Identifier
        init(_ address: Identifier) { self.address = address }
    }

    init(descriptor: Int32, worker: Worker, peer: PeerAddress) throws(SystemError) {
        self.worker = worker
        phase = .http(HTTPExchange(peer: peer, at: worker.loop.now))
        lastHeardAt = worker.loop.now
        try super.init(descriptor: descriptor, loop: worker.loop)
        loop.schedule(self, at: loop.now + HTTPExchange.headMilliseconds)
    }

    var isChatting: Bool {
        switch phase {
        case .chat, .opening: true
        default: false
        }
    }

    // MARK: What the socket tells

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        lastHeardAt = loop.now
        if let wait {
            wait.input.append(UnsafeRawBufferPointer(bytes))
            pauseReading()
            return
        }
        process(bytes)
    }

    /// Takes input in whatever phase the connection is.
    private func process(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = bytes
        while isOpen, rest.count > 0 {
            if let wait {
                wait.input.append(UnsafeRawBufferPointer(rest))
                return pauseReading()
            }
            let consumed: Int
            switch phase {
            case .http(let exchange): consumed = processHTTP(rest, exchange)
            case .opening, .chat, .echo, .closing: consumed = processFrame(rest)
            case .discarding, .finished: return
            }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
        }
    }

    /// Goes on with input after a wait.
    func endWait() {
        guard let ended = wait else { return }
        wait = nil
        process(ended.input.mutableBytes)
        if wait == nil { resumeReading() }
    }

    override func drained() {
        switch phase {
        case .finished: close()
        case .opening, .chat:
            if wait != nil {
                // Taking a replay is a sign of life: input is not read meanwhile.
                lastHeardAt = loop.now
                continueReplay()
            }
        default: break
        }
    }

    override func timerFired() {
        switch phase {
        case .http(let exchange): httpTimerFired(exchange)
        case .opening, .chat, .echo: heartbeat()
        case .closing, .discarding, .finished: reset()
        }
    }

    override func ended(_ end: SocketEnd) {
        leaveEverything()
        phase = .finished
        wait = nil
    }

    // MARK: Sending

    /// Queues frames for the end of the turn. A reader whose queue is over the limit from earlier turns is closed at
    /// the end of this one.
    @inline(__always)
    func deliver(_ frame: FrameSlice) {
        send(frame)
        if isBlocked, queuedBytes > worker.configuration.sendQueueBytesMax, !isSlow {
            isSlow = true
            worker.slowReaders.append(self)
        }
    }

    /// Queues the frame in the worker's writer.
    func sendWritten() { deliver(worker.scratch.frame(.text, worker.writer.bytes)) }

    func sendError(
        _ code: ErrorCode, _ message: String, id: String? = nil, room: Identifier? = nil, retryMilliseconds: Int? = nil
    ) {
        worker.writer.error(code, message, id: id, room: room, retryMilliseconds: retryMilliseconds)
        sendWritten()
    }

    // MARK: Heartbeat

    /// Begins the heartbeat at a moment of its own, so that many connections do not beat together.
    func beginHeartbeat() {
        let interval = worker.configuration.heartbeatIntervalMilliseconds
        nextPingAt = loop.now + Int.random(in: (interval + 1) / 2...interval)
        scheduleHeartbeat()
    }

    private func scheduleHeartbeat() {
        let silentAt = lastHeardAt + worker.configuration.heartbeatTimeoutMilliseconds
        loop.schedule(self, at: min(nextPingAt, silentAt))
    }

    private func heartbeat() {
        let configuration = worker.configuration
        if loop.now - lastHeardAt >= configuration.heartbeatTimeoutMilliseconds {
            return close(.noSignOfLife, reason: CloseReason("no_sign_of_life"))
        }
        if loop.now >= nextPingAt {
            // A peer that does not read gets no further pings; its silence ends it.
            if !isBlocked { send(worker.pingFrame) }
            nextPingAt = loop.now + configuration.heartbeatIntervalMilliseconds
        }
        scheduleHeartbeat()
    }
}
