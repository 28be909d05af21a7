import Foundations
import NetworkIO
import Rooms
import WireProtocol

/// A client's connection: HTTP first, then perhaps a WebSocket in rooms.
///
/// One object for the connection's whole life, so that an idle one stays small; what only one phase needs hangs on
/// `phase`. Thread: its worker's.
final class Connection: Socket, Recipient {
    enum Phase {
        case http(HTTPPhase)
        case events(EventsPhase)
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

    // The small ones first: they fit behind the socket's own, and the object into 136 bytes. What delivery reads stands
    // in front, beside what sending touches.
    /// Bad frames in a row.
    var badFrames: UInt8 = 0
    private var flags: Flags = []
    /// While a batch is delivered: the first cut of this connection in it.
    var firstCut: Int32 = -1
    private var extras: Extras?
    var phase: Phase
    @exclusivity(unchecked) var decoder = WebSocketDecoder()
    /// There from the answer of the user's home on.
    var info: ConnectionInfo?
    /// The room of the URL; kept when that room is left, as frames without a room mean it.
    var urlMembers: LocalMembers<Connection>?
    @exclusivity(unchecked) var rate = RateLimiter()
    /// The place in `urlMembers`, or -1.
    var urlIndex: Int32 = -1
    private var lastHeardTick: UInt32 = 0
    private var nextPingTick: UInt32 = 0

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let wantsEcho = Flags(rawValue: 1)
        static let isCounted = Flags(rawValue: 2)
        static let leavesAtOnce = Flags(rawValue: 4)
        static let isSlow = Flags(rawValue: 8)
        /// Three bits: how many windows the agreed one is above the narrowest, and one; 0 when none was agreed.
        static let window = Flags(rawValue: 0x70)
        static let windowShift = 4
    }

    /// What few connections need.
    private final class Extras {
        var furtherRooms: [Membership<Connection>] = []
        var countedAddress: Identifier?
        var flood: FloodCounter?
        var wait: Wait?

        var isNeeded: Bool { wait != nil || flood != nil || countedAddress != nil || !furtherRooms.isEmpty }
    }

    /// Input that is left while the connection waits, and what it waits for.
    final class Wait {
        var input = ByteAccumulator()
        /// The room that was asked for.
        var joining: Identifier?
        /// The last entry of a replay that was sent, when more is to follow.
        var replayedTo: UInt64?
        init() {}
    }

    init(descriptor: Int32, loop: EventLoop, peer: PeerAddress) throws(SystemError) {
        let http = HTTPPhase(peer: peer.host, at: loop.now)
        phase = .http(http)
        try super.init(descriptor: descriptor, loop: loop)
        lastHeardAt = loop.now
        http.began(on: self)
    }

    // MARK: State in few bytes

    /// The connections of the same worker: its loop's owner.
    @inline(__always)
    var table: ConnectionTable {
        // Connections are made by workers only, on their own loops: the check would cost more than a pointer saves.
        unsafeDowncast(loop.owner.unsafelyUnwrapped, to: ConnectionTable.self)
    }

    @inline(__always)
    var core: WorkerCore { table.core }

    /// Times in grains of a tenth of a second, which fit in 32 bits for 13 years.
    private static let grain = 100

    /// When the last byte came (loop milliseconds).
    var lastHeardAt: Int {
        get { Int(lastHeardTick) * Self.grain }
        set { lastHeardTick = UInt32(truncatingIfNeeded: newValue / Self.grain) }
    }
    private var nextPingAt: Int {
        get { Int(nextPingTick) * Self.grain }
        set { nextPingTick = UInt32(truncatingIfNeeded: newValue / Self.grain) }
    }

    var wantsEcho: Bool {
        get { flags.contains(.wantsEcho) }
        set { set(.wantsEcho, newValue) }
    }
    /// Counted against the node's limit.
    var isCounted: Bool {
        get { flags.contains(.isCounted) }
        set { set(.isCounted, newValue) }
    }
    /// How others see this connection go: at once, or with the grace.
    var leavesAtOnce: Bool {
        get { flags.contains(.leavesAtOnce) }
        set { set(.leavesAtOnce, newValue) }
    }

    /// permessage-deflate was negotiated; without it compressed input is a violation.
    @inline(__always)
    var isDeflateAgreed: Bool { !flags.isDisjoint(with: .window) }
    /// The window that was agreed for compressed messages to this connection; see `ConnectionInfo`.
    var windowBits: Int {
        get {
            let place = Int(flags.intersection(.window).rawValue >> Flags.windowShift)
            return place == 0 ? 0 : place - 1 + DeflateAgreement.windowBitsRange.lowerBound
        }
        set {
            let place = UInt8(newValue - DeflateAgreement.windowBitsRange.lowerBound + 1)
            flags.subtract(.window)
            flags.insert(Flags(rawValue: place << Flags.windowShift))
        }
    }

    private func set(_ flag: Flags, _ isOn: Bool) {
        if isOn { flags.insert(flag) } else { flags.remove(flag) }
    }

    private func openExtras() -> Extras {
        if let extras { return extras }
        let opened = Extras()
        extras = opened
        return opened
    }

    /// Rooms joined later than the URL's.
    var furtherRooms: [Membership<Connection>] {
        get { extras?.furtherRooms ?? [] }
        set { if extras != nil || !newValue.isEmpty { openExtras().furtherRooms = newValue } }
    }
    /// What waits for an answer before more input is taken.
    var wait: Wait? {
        get { extras?.wait }
        set {
            if extras == nil, newValue == nil { return }
            let extras = openExtras()
            extras.wait = newValue
            if !extras.isNeeded { self.extras = nil }
        }
    }
    /// The address that is counted, when there is a limit per address.
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
        decoder.settle()
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
            case .opening, .chat, .echo, .closing: consumed = processFrame(rest)
            case .events, .discarding, .finished: return
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
        case .http(let http): http.timerFired(on: self)
        case .events(let events): events.timerFired(on: self)
        case .opening, .chat, .echo: heartbeat()
        case .closing, .discarding, .finished: reset()
        }
    }

    override func ended(_ end: SocketEnd) {
        leaveEverything()
        leaveEventStreams()
        phase = .finished
        wait = nil
    }

    /// A client may end its side once it has sent its request, and still wants the answer.
    override var outlivesPeerEnd: Bool {
        switch phase {
        case .http(let http): http.isAnswering || queuedBytes > 0
        case .discarding, .finished: queuedBytes > 0
        case .events, .opening, .chat, .echo, .closing: false
        }
    }

    // MARK: Sending

    /// Queues a frame for the end of the turn. A reader whose queue is over the limit from earlier turns is closed at
    /// the end of this one.
    @inline(__always)
    func deliver(_ frame: FrameSlice) {
        send(frame)
        if isBlocked, queuedBytes > core.load.limits.sendQueueBytesMax, !flags.contains(.isSlow) {
            flags.insert(.isSlow)
            core.slowReaders.append(self)
        }
    }

    /// As `deliver`, at the end of a turn, for frames of a room: at once when the connection is in no other room from
    /// which more may come.
    @inline(__always)
    func deliverLast(_ frame: FrameSlice) {
        if extras == nil, !isBlocked { sendNow(frame) } else { deliver(frame) }
    }

    /// Queues a frame that is for this connection alone: compressed where that was agreed and makes it smaller.
    func deliverAlone(_ frame: FrameSlice) { deliver(compressedIfAgreed(frame)) }

    /// The frame as this connection may get it.
    func compressedIfAgreed(_ frame: FrameSlice) -> FrameSlice {
        guard isDeflateAgreed, core.compresses else { return frame }
        return core.compressor.compressed(frame, windowBits: windowBits) ?? frame
    }

    /// Queues the frame in the worker's writer.
    func sendWritten() { deliver(core.scratch.frame(.text, core.writer.bytes)) }

    func sendError(
        _ code: ErrorCode, _ message: String, id: String? = nil, room: Identifier? = nil, retryMilliseconds: Int? = nil
    ) {
        core.writer.error(code, message, id: id, room: room, retryMilliseconds: retryMilliseconds)
        sendWritten()
    }

    // MARK: Heartbeat

    /// Begins the heartbeat at a moment of its own, so that many connections do not beat together.
    func beginHeartbeat() {
        let interval = core.load.limits.heartbeatMilliseconds
        nextPingAt = loop.now + Int.random(in: (interval + 1) / 2...interval, using: &core.random)
        scheduleHeartbeat()
    }

    private func scheduleHeartbeat() {
        let silentAt = lastHeardAt + core.configuration.heartbeatTimeoutMilliseconds
        loop.schedule(self, at: min(nextPingAt, silentAt))
    }

    private func heartbeat() {
        let configuration = core.configuration
        if loop.now - lastHeardAt >= configuration.heartbeatTimeoutMilliseconds {
            return close(.noSignOfLife, reason: CloseReason("no_sign_of_life"))
        }
        if loop.now >= nextPingAt {
            // A peer that does not read gets no further pings; its silence ends it.
            if !isBlocked { send(table.pingFrame) }
            nextPingAt = loop.now + core.load.limits.heartbeatMilliseconds
        }
        scheduleHeartbeat()
    }
}
