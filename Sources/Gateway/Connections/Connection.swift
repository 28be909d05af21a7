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
    // The small ones first: they fit behind the socket's own, and the object into 120 bytes. What delivery reads stands
    // in front, beside what sending touches.
    /// Bad frames in a row.
    @exclusivity(unchecked) var badFrames: UInt8 = 0
    @exclusivity(unchecked) var flags: ConnectionFlags = []
    /// While a batch is delivered: the first cut of this connection in it.
    @exclusivity(unchecked) var firstCut: Int32 = -1
    @exclusivity(unchecked) var memberships = RoomMemberships<Connection>()
    @exclusivity(unchecked) var heartbeat = Heartbeat()
    /// Messages that were handed to their homes and have no answer yet; in a place that alignment leaves free.
    @exclusivity(unchecked) var unansweredCount: UInt32 = 0
    @exclusivity(unchecked) var rare = RareState()
    @exclusivity(unchecked) var phase: ConnectionPhase
    @exclusivity(unchecked) var decoder = WebSocketDecoder()
    @exclusivity(unchecked) var rate = RateLimiter()

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

    var info: ConnectionInfo? { phase.info }
    var isChatting: Bool { phase.isChatting }
    var isWebSocketOpen: Bool { phase.isWebSocketOpen }
    /// Bytes of memory for input that is not handled yet.
    var heldBytes: Int { phase.heldBytes(decoder) + (wait?.bytes.capacity ?? 0) }

    /// Neither this WebSocket nor any other connection of the worker holds input: mostly so.
    @inline(__always)
    private var holdsNothing: Bool { isWebSocketOpen && decoder.isAtRest && !rare.isWaiting && core.input.isEmpty }

    // MARK: Rare state

    /// Input that waits for an answer.
    var wait: KeptInput? {
        get { rare.wait }
        set { rare.wait = newValue }
    }
    var grant: TokenGrant? {
        get { rare.grant }
        set { rare.grant = newValue }
    }
    var closeReason: CloseReason? {
        get { rare.closeReason }
        set { rare.closeReason = newValue }
    }
    var upkeep: Upkeep {
        get { rare.upkeep }
        set { rare.upkeep = newValue }
    }

    /// Counts a refused frame; true when it makes a flood. That is one at any tier: who was not sent a lower rate
    /// yet does nothing wrong.
    func countRefusal() -> Bool { rare.countRefusal(at: loop.now, policy: table.floodPolicy) }

    // MARK: Events of the socket

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        heartbeat.heard(at: loop.now)
        let start = core.workBegins()
        let taken = process(bytes, since: loop.inputNanoseconds)
        if rare.hasLatePing { answerPing() }
        if taken < bytes.count, let wait {
            wait.bytes.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
            pauseReading()
        }
        if !holdsNothing {
            decoder.settle(at: loop.now)
            core.input.holds(heldBytes, key, of: rare.client?.address)
        }
        if let start { core.worked(since: start - Self.readNanoseconds, key, info, source, isHTTP: !isChatting) }
    }

    override func continueInput() {
        let start = core.workBegins()
        goOn(.turn)
        decoder.settle(at: loop.now)
        core.input.holds(heldBytes, key, of: rare.client?.address)
        if let start { core.worked(since: start, key, info, source, isHTTP: !isChatting) }
    }

    /// The kernel's part of a read with its acknowledgement, which is over when `received` is called.
    private static let readNanoseconds = 3_000

    /// The client, as limits name it; this machine, where that is not limited.
    var source: Client { rare.client ?? .own }

    override var turnLine: TurnLine { TurnLine(rare.client?.address) }

    override func drained() {
        core.output.holds(0, key)
        guard let wait else { return }
        // Taking what is queued is a sign of life: input is not read meanwhile.
        heartbeat.heard(at: loop.now)
        // Others have their turn first.
        if wait.drained() { return continueLater() }
        switch phase {
        case .opening(let opening): opening.drained(on: self)
        case .chat: continueRoomReplay()
        case .http, .events, .echo, .closing, .ended: break
        }
    }

    /// SEND_QUEUE_BYTES holds for what is going to be kept.
    override func backedUp() {
        if queuedBytes > core.load.limits.sendQueueBytesMax { table.closeAsTooSlow(self) }
        core.output.holds(queuedBytes, key, of: rare.client?.address)
    }

    override func timerFired() {
        switch phase {
        case .http(let http): http.timerFired(on: self)
        case .events(let events): events.timerFired(on: self)
        case .opening, .chat, .echo: if let closeReason { close(closeReason) } else { beat() }
        case .closing(let closing): closing.timerFired(on: self)
        case .ended: break
        }
    }

    override func ended(_ end: SocketEnd) {
        core.logger.debug(
            "connection ended",
            metadata: ["by": "\(end)", "address": "\(rare.client ?? .own)", "user": "\(info?.user.text ?? "")"])
        leaveEverything(atOnce: false)
        core.context.connections.leave()
        if let client = rare.client { core.context.budgets.addresses.leave(client) }
        table.eventStreamEnded(on: self)
        phase = .ended
        wait = nil
        core.forget(key)
    }

    /// A client may end its side once it has sent its request, and still wants the answer.
    override var outlivesPeerEnd: Bool { phase.outlivesPeerEnd(isQueued: queuedBytes > 0) }

    // MARK: Heartbeat

    func beginHeartbeat() {
        heartbeat.began(at: loop.now, interval: core.load.limits.heartbeatMilliseconds, using: &core.random)
        let first = grant == nil ? heartbeat.nextBeat(timeout: core.configuration.heartbeatTimeoutMilliseconds) : now
        loop.schedule(self, at: first)
    }

    private func beat() {
        rare.settle(at: loop.now)
        if let wait, queuedBytes > 0 {
            // A part that the peer took is a sign of life: input is not read meanwhile.
            switch wait.looked(unacknowledged: unacknowledgedBytes, at: loop.now) {
            case .taking: heartbeat.heard(at: loop.now)
            case .waiting: break
            case .standstill: return table.closeAsTooSlow(self)
            }
        }
        let (timeout, interval) = (
            core.configuration.heartbeatTimeoutMilliseconds, core.load.limits.heartbeatMilliseconds
        )
        switch heartbeat.timerFired(at: loop.now, fairNow: loop.fairNow, interval: interval, timeout: timeout) {
        case .close: return close(.noSignOfLife)
        // A peer that does not read gets no further pings; its silence ends it.
        case .ping: if !isBlocked { send(table.pingFrame) }
        case .nothing: break
        }
        guard let tokenDue = ChatPhase(on: self).lookAtToken() else { return }
        // A message that never ends holds its memory, however alive its sender is; unless we keep the rest waiting.
        let unfinishedEnd = wait == nil ? decoder.begunAt.map { $0 + timeout } ?? .max : .max
        if loop.fairNow >= unfinishedEnd { return close(.unfinishedMessage) }
        let next = min(heartbeat.nextBeat(timeout: timeout), unfinishedEnd, tokenDue)
        loop.schedule(self, at: wait?.progress == nil ? next : min(next, loop.now + OutputProgress.lookMilliseconds))
    }
}
