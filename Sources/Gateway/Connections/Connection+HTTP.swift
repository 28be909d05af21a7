import NetworkIO
import WireProtocol

// The connection as its HTTP phase and its stream of events use it, and the switches from HTTP to other phases.
extension Connection: HTTPTransport {
    /// Bytes up to which an answer is copied into memory that others use too.
    private static let sharedBytesMax = 4096

    var now: Int { loop.now }
    var isDraining: Bool { core.context.isDraining }

    func schedule(at time: Int) { loop.schedule(self, at: time) }

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

    // MARK: Requests

    func admit(_ call: inout HTTPCall) -> HTTPResponse? {
        table.services.router.identify(&call)
        table.claim(self, for: &call)
        return table.services.router.admit(&call)
    }

    func reply(to call: HTTPCall) -> Reply { table.services.router.reply(to: call) }

    func complete(_ response: HTTPResponse, with completion: Reply.Completion) -> HTTPResponse {
        table.services.router.complete(response, with: completion)
    }

    func responder(for request: UInt32) -> Responder {
        Responder(worker: core.index, socketKey: key, request: request)
    }

    // MARK: Other phases

    func begin(_ upgrade: Upgrade) {
        switchProtocols(upgrade.handshake)
        flags.set(.wantsEcho, upgrade.wantsEcho)
        let opening = OpeningPhase(upgrade.opening)
        phase = .opening(opening)
        opening.began(upgrade.place, upgrade.entry, on: self)
    }

    func beginEcho(_ handshake: WebSocketUpgrade) {
        switchProtocols(handshake)
        phase = .echo
        beginHeartbeat()
        endWait()
    }

    private func switchProtocols(_ handshake: WebSocketUpgrade) {
        var bytes: [UInt8] = []
        let accept = table.handshakeDigest.accept(key: handshake.key, suffix: WebSocketHandshake.acceptSuffix)
        let spoken = handshake.protocols.contains("sluice.v1") ? "sluice.v1" : nil
        let deflate = core.configuration.compresses ? DeflateAgreement(offers: handshake.extensions) : nil
        if let deflate { flags.windowBits = deflate.windowBits }
        WebSocketHandshake.acceptResponse(accept: accept, subprotocol: spoken, deflate: deflate, into: &bytes)
        sendBytes(bytes)
    }

    func begin(_ stream: EventStreamRequest) {
        let events = EventsPhase(stream, context: core.context)
        phase = .events(events)
        table.eventStreamBegan(on: self)
        events.began(stream, at: loop.unixNow, on: self)
        endWait()
    }
}
