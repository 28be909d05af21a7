import Core
import NetworkIO
import Rooms
import WireProtocol

/// A client's connection: a socket in one phase after the other, HTTP first, then perhaps a WebSocket in rooms.
///
/// One object for the connection's whole life, so that an idle one stays small. Phases have their own state and see the
/// connection as a transport; what stays here is read by delivery, or lasts longer than a phase.
/// Thread: its worker's.
final class Connection: Socket {
    enum Phase {
        case http(HTTPPhase)
        case events(EventsPhase)
        case opening(OpeningPhase)
        /// Its state lies in the connection.
        case chat
        case echo
        case closing(ClosingPhase)
        /// The socket is gone.
        case ended
    }

    // The small ones first: they fit behind the socket's own, and the object into 136 bytes. What delivery reads stands
    // in front, beside what sending touches.
    /// Bad frames in a row.
    var badFrames: UInt8 = 0
    var flags: ConnectionFlags = []
    /// While a batch is delivered: the first cut of this connection in it.
    var firstCut: Int32 = -1
    @exclusivity(unchecked) var memberships = RoomMemberships<Connection>()
    private var heartbeat = Heartbeat()
    private var extras: Extras?
    var phase: Phase
    @exclusivity(unchecked) var decoder = WebSocketDecoder()
    /// There from the answer of the user's home on.
    var info: ConnectionInfo?
    @exclusivity(unchecked) var rate = RateLimiter()

    /// State that few connections need.
    private final class Extras {
        var countedAddress: Identifier?
        var flood: FloodCounter?
        var wait: Wait?

        var isNeeded: Bool { wait != nil || flood != nil || countedAddress != nil }
    }

    /// Input that is kept back until an answer comes.
    final class Wait {
        var input = ByteAccumulator()
        /// The room that was asked for.
        var joining: Joining?
        init() {}
    }

    init(descriptor: Int32, loop: EventLoop, peer: PeerAddress) throws(SystemError) {
        let http = HTTPPhase(peer: peer.host, at: loop.now)
        phase = .http(http)
        try super.init(descriptor: descriptor, loop: loop)
        heartbeat.heard(at: loop.now)
        http.began(on: self)
    }

    /// The connections of the same worker: its loop's owner.
    @inline(__always)
    var table: ConnectionTable {
        // Connections are made by workers only, on their own loops: the check would cost more than a pointer saves.
        unsafeDowncast(loop.owner.unsafelyUnwrapped, to: ConnectionTable.self)
    }

    var isChatting: Bool {
        switch phase {
        case .chat, .opening: true
        case .http, .events, .echo, .closing, .ended: false
        }
    }

    /// Whether this is a WebSocket whose close frame is still to come.
    var isWebSocketOpen: Bool {
        switch phase {
        case .opening, .chat, .echo: true
        case .http, .events, .closing, .ended: false
        }
    }

    // MARK: Rare state

    private func openExtras() -> Extras {
        if let extras { return extras }
        let opened = Extras()
        extras = opened
        return opened
    }

    /// Input that waits for an answer.
    var wait: Wait? {
        get { extras?.wait }
        set {
            if extras == nil, newValue == nil { return }
            let extras = openExtras()
            extras.wait = newValue
            if !extras.isNeeded { self.extras = nil }
        }
    }

    var countedAddress: Identifier? {
        get { extras?.countedAddress }
        set { if extras != nil || newValue != nil { openExtras().countedAddress = newValue } }
    }

    /// Counts a refused frame; true when it makes a flood. That is one at any tier: who was not told of a lower rate
    /// yet does nothing wrong.
    func countRefusal() -> Bool {
        let extras = openExtras()
        var flood = extras.flood ?? FloodCounter()
        let isFlood = flood.refused(now: loop.now, policy: table.floodPolicy)
        extras.flood = flood
        return isFlood
    }

    // MARK: Input

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        heartbeat.heard(at: loop.now)
        if let wait {
            wait.input.append(UnsafeRawBufferPointer(bytes))
            pauseReading()
            return
        }
        process(bytes)
        decoder.settle(at: loop.now)
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
            case .http(let http): consumed = http.received(UnsafeRawBufferPointer(rest), on: self)
            case .opening, .chat, .echo: consumed = processFrame(rest)
            case .closing(let closing):
                guard closing.readsFrames else { return }
                consumed = processFrame(rest)
            case .events, .ended: return
            }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
        }
    }

    func beginWait() { wait = Wait() }

    /// Goes on with input after a wait.
    func endWait() {
        guard let ended = wait else { return }
        wait = nil
        process(ended.input.mutableBytes)
        if wait == nil { resumeReading() }
    }

    // MARK: Other events of the socket

    override func drained() {
        guard wait != nil else { return }
        switch phase {
        case .opening(let opening):
            // Taking a replay is a sign of life: input is not read meanwhile.
            heartbeat.heard(at: loop.now)
            opening.drained(on: self)
        case .chat:
            heartbeat.heard(at: loop.now)
            continueRoomReplay()
        case .http, .events, .echo, .closing, .ended: break
        }
    }

    override func timerFired() {
        switch phase {
        case .http(let http): http.timerFired(on: self)
        case .events(let events): events.timerFired(on: self)
        case .opening, .chat, .echo: beat()
        case .closing(let closing): closing.timerFired(on: self)
        case .ended: break
        }
    }

    override func ended(_ end: SocketEnd) {
        leaveEverything(atOnce: false)
        table.eventStreamEnded(on: self)
        phase = .ended
        wait = nil
    }

    /// A client may end its side once it has sent its request, and still wants the answer.
    override var outlivesPeerEnd: Bool {
        switch phase {
        case .http(let http): http.isAnswering || queuedBytes > 0
        case .closing(let closing): closing.outlivesPeerEnd && queuedBytes > 0
        case .events, .opening, .chat, .echo, .ended: false
        }
    }

    // MARK: Heartbeat

    func beginHeartbeat() {
        heartbeat.began(at: loop.now, interval: core.load.limits.heartbeatMilliseconds, using: &core.random)
        loop.schedule(self, at: heartbeat.nextBeat(timeout: core.configuration.heartbeatTimeoutMilliseconds))
    }

    private func beat() {
        let (timeout, interval) = (
            core.configuration.heartbeatTimeoutMilliseconds, core.load.limits.heartbeatMilliseconds
        )
        switch heartbeat.timerFired(at: loop.now, fairNow: loop.fairNow, interval: interval, timeout: timeout) {
        case .close: return close(.noSignOfLife)
        // A peer that does not read gets no further pings; its silence ends it.
        case .ping: if !isBlocked { send(table.pingFrame) }
        case .nothing: break
        }
        // A message that never ends holds its memory, however alive its sender is.
        let unfinishedEnd = decoder.begunAt.map { $0 + timeout } ?? .max
        if loop.fairNow >= unfinishedEnd { return close(.unfinishedMessage) }
        loop.schedule(self, at: min(heartbeat.nextBeat(timeout: timeout), unfinishedEnd))
    }
}
