import NetworkIO
import WireProtocol

// The connection as its HTTP phase and its stream of events use it, and the switches from HTTP to other phases.
extension Connection: HTTPTransport {
    /// Bytes up to which an answer is copied into memory that others use too.
    private static let sharedBytesMax = 4096
    /// How long a peer may take to end its side, once we ended ours.
    private static let endMilliseconds = 2_000

    var now: Int { loop.now }
    var isDraining: Bool { core.context.isDraining }

    func schedule(at time: Int) { loop.schedule(self, at: time) }
    func beginWait() { wait = Wait() }

    func sendBytes(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            // What is small shares its memory, and its packet, with the frames of this turn.
            if bytes.count <= Self.sharedBytesMax {
                send(core.scratch.copy(bytes))
            } else {
                send(FrameBuffer(copying: bytes))
            }
        }
    }

    func endInOrder() {
        leaveEventStreams()
        phase = .discarding
        wait = nil
        endAfterFlush()
        schedule(at: now + Self.endMilliseconds)
    }

    // MARK: Requests

    func route(_ call: HTTPCall) -> Reply { table.services.router.route(call) }

    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse {
        table.services.router.complete(response, with: completion)
    }

    func responder(for request: UInt32) -> Responder {
        Responder(worker: core.index, socketKey: key, request: request)
    }

    // MARK: Other phases

    func begin(_ upgrade: Upgrade) {
        switchProtocols(upgrade.handshake)
        if let retry = upgrade.shedRetryMilliseconds {
            return refuseAsShed(upgrade.opening, retryMilliseconds: retry)
        }
        open(upgrade.opening, wantsEcho: upgrade.wantsEcho, address: upgrade.address)
    }

    func beginEcho(_ handshake: WebSocketUpgrade) {
        switchProtocols(handshake)
        phase = .echo
        beginHeartbeat()
        endWait()
    }

    private func switchProtocols(_ handshake: WebSocketUpgrade) {
        var bytes: [UInt8] = []
        let accept = core.handshakeDigest.accept(key: handshake.key, suffix: WebSocketHandshake.acceptSuffix)
        let spoken = handshake.protocols.contains("sluice.v1") ? "sluice.v1" : nil
        let deflate = core.configuration.compresses ? DeflateAgreement(offers: handshake.extensions) : nil
        if let deflate { windowBits = deflate.windowBits }
        WebSocketHandshake.acceptResponse(accept: accept, subprotocol: spoken, deflate: deflate, into: &bytes)
        sendBytes(bytes)
    }

    func begin(_ stream: EventStreamRequest) {
        let events = EventsPhase(stream, context: core.context)
        phase = .events(events)
        table.eventStreams.append(self)
        events.began(stream, at: loop.unixNow, on: self)
        endWait()
    }

    /// A stream of events is over; once.
    func leaveEventStreams() {
        guard case .events(let events) = phase else { return }
        table.eventStreams.removeAll { $0 === self }
        events.ended()
    }
}
