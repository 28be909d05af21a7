import Core
import NetworkIO
import WireProtocol

/// The HTTP phase of a connection: reads requests one after the other, each answered before the next is read.
///
/// Its connection calls it with each event and with itself as `transport`; it keeps no reference to it.
/// Thread: the connection's.
final class HTTPPhase {
    /// The time for a request's head, from its first byte.
    static let headMilliseconds = 10_000
    /// The time for a request's body, from the end of its head.
    static let bodyMilliseconds = 30_000
    /// The time that a connection may wait for its next request.
    static let idleMilliseconds = 60_000

    /// The connection ends with so many refusals (4xx) in a row: who goes on asking has to connect anew, which costs it
    /// more than it costs the node, and counts for its address.
    static let refusedMax = 200

    /// The longest body of a refused request that is read past.
    private static let skippedBytesMax = 64 * 1024

    /// The other end of the connection.
    private let peer: IPAddress
    private var parser = HTTPRequestParser(limits: HTTPLimits())
    /// The request whose head was admitted and whose body is still to come.
    private var admitted: HTTPCall?
    /// The request that is being answered.
    private var current: Current?
    /// The number of the newest request.
    private var requestNumber: UInt32 = 0
    /// When the current head or body must be complete (loop milliseconds).
    private var deadline: Int?
    private var isReadingBody = false
    /// When the connection's first head must be complete (loop milliseconds); later heads have no such bound.
    private var firstDeadline: Int
    /// How the peer takes the last answer.
    private var progress: OutputProgress?
    /// When that is looked at next (loop milliseconds).
    private var lookDue = Int.max
    /// Until when the next request may begin (loop milliseconds).
    private var idleUntil = Int.max
    /// Requests that were refused (4xx) one behind the other.
    private var refusedCount = 0

    /// The parts of a request that shape its answer.
    private struct Current {
        let isHead: Bool
        let minorVersion: Int
        let keepsAlive: Bool
        var completion = Reply.Completion()
    }

    /// - Parameter now: the connection's start, loop milliseconds.
    init(peer: IPAddress, at now: Int) {
        self.peer = peer
        firstDeadline = now + Self.headMilliseconds
    }

    /// Whether a request waits for its answer.
    var isAnswering: Bool { current != nil }

    /// Bytes of memory that a request takes that has not come whole.
    var heldBytes: Int { parser.heldBytes }

    // MARK: Events

    /// The node has no memory for the request that is coming: that is its answer, and the connection ends.
    func outOfMemory(on transport: some HTTPTransport) {
        var bytes: [UInt8] = []
        HTTPResponse.unavailable("the node's memory for requests is full", retrySeconds: 2)
            .encode(into: &bytes, keepAlive: false, isHead: false, minorVersion: 1)
        transport.sendBytes(bytes)
        transport.endInOrder()
    }

    /// The connection has begun.
    func began(on transport: some HTTPTransport) { transport.schedule(at: firstDeadline) }

    /// Takes up to one request from the front of `bytes`; returns how many bytes that were. The caller hands over the
    /// rest unless input must wait or another phase has begun.
    func received(_ bytes: UnsafeRawBufferPointer, on transport: some HTTPTransport) -> Int {
        let (consumed, event) = parser.consume(bytes)
        switch event {
        case .incomplete: watchProgress(on: transport)
        case .head(let head, let expectsContinue):
            guard admit(head, mayOmitBody: expectsContinue, on: transport) else { break }
            if expectsContinue { transport.sendBytes(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
            watchProgress(on: transport)
        case .request(let request):
            guard admitted != nil || admit(request, mayOmitBody: false, on: transport) else { break }
            begin(request, on: transport)
        case .skipped:
            (deadline, isReadingBody) = (nil, false)
            reschedule(on: transport)
        case .failed(let failure): fail(failure, on: transport)
        }
        return consumed
    }

    func timerFired(on transport: some HTTPTransport) {
        if transport.now >= lookDue, !look(on: transport) { return transport.reset() }
        // A request that is being answered, or answers that are being taken, are not idle.
        guard !isAnswering, progress == nil, transport.now >= readingDeadline else { return reschedule(on: transport) }
        guard parser.isMidRequest else { return transport.close() }
        fail(
            HTTPFailure(status: 408, code: "bad_request", message: "the request did not arrive in time"),
            on: transport)
    }

    /// Looks how the peer takes the answers; false when it has taken nothing for too long.
    private func look(on transport: some HTTPTransport) -> Bool {
        let bytes = transport.unacknowledgedBytes
        guard bytes > 0, var progress else {
            (progress, lookDue) = (nil, .max)
            return true
        }
        let look = progress.looked(unacknowledged: bytes, at: transport.now)
        (self.progress, lookDue) = (progress, transport.now + OutputProgress.lookMilliseconds)
        return look != .standstill
    }

    /// When the present request must have come further, or the next one have begun.
    private var readingDeadline: Int {
        let deadline = parser.isMidRequest ? deadline ?? idleUntil : idleUntil
        return isReadingBody ? deadline : min(deadline, firstDeadline)
    }

    private func reschedule(on transport: some HTTPTransport) {
        let next = min(lookDue, isAnswering || progress != nil ? .max : readingDeadline)
        transport.schedule(at: min(next, transport.now + Self.idleMilliseconds))
    }

    /// An answer came. One that is not for the current request is dropped.
    /// - Parameter number: the request's, from its responder.
    func answered(_ response: HTTPResponse, to number: UInt32, on transport: some HTTPTransport) {
        guard let current, number == requestNumber else { return }
        send(transport.complete(response, with: current.completion), answering: current, on: transport)
    }

    /// The node drains: a connection without a request ends, one with a request after its answer.
    func drainBegan(on transport: some HTTPTransport) {
        if !isAnswering, !parser.isMidRequest { transport.endAfterFlush() }
    }

    // MARK: Requests

    /// A head has 10 s from its first byte (the first one from the connection's start), a body 30 s from its head.
    private func watchProgress(on transport: some HTTPTransport) {
        if deadline == nil, parser.isMidRequest { deadline = transport.now + Self.headMilliseconds }
        if parser.isReadingBody, !isReadingBody {
            isReadingBody = true
            deadline = transport.now + Self.bodyMilliseconds
        }
        reschedule(on: transport)
    }

    /// Answers a request whose head decides that; true if it does not. A body that is short is read past; behind a long
    /// one, or one that may not come, the connection ends.
    private func admit(_ head: HTTPRequest, mayOmitBody: Bool, on transport: some HTTPTransport) -> Bool {
        var call = HTTPCall(head, peer: peer)
        call.isFirst = requestNumber == 0
        guard let refusal = transport.admit(&call) else {
            admitted = call
            return true
        }
        let isAtEnd = !head.hasBody || !mayOmitBody && parser.skipBody(upTo: Self.skippedBytesMax)
        begin(head, keepsAlive: head.keepsAlive && isAtEnd && call.place == .within, on: transport)
        if let current { send(refusal, answering: current, on: transport) }
        return false
    }

    /// A request is answered from here on; what is pipelined behind it waits for that.
    private func begin(_ request: HTTPRequest, keepsAlive: Bool, on transport: some HTTPTransport) {
        current = Current(
            isHead: request.method == .head, minorVersion: request.minorVersion, keepsAlive: keepsAlive)
        requestNumber &+= 1
        deadline = nil
        transport.beginWait()
    }

    private func begin(_ request: HTTPRequest, on transport: some HTTPTransport) {
        guard var call = admitted.take() else { return }
        call.request = request
        begin(request, keepsAlive: request.keepsAlive && call.place == .within, on: transport)
        guard let current else { return }
        switch transport.reply(to: call) {
        case .now(let response): send(response, answering: current, on: transport)
        case .later(let completion, let work):
            self.current?.completion = completion
            work(transport.responder(for: requestNumber))
        case .upgrade(let upgrade): transport.begin(upgrade)
        case .echo(let handshake): transport.beginEcho(handshake)
        case .events(let stream): transport.begin(stream)
        }
    }

    // MARK: Answers

    private func send(_ response: HTTPResponse, answering request: Current, on transport: some HTTPTransport) {
        refusedCount = (400..<500).contains(response.status) ? refusedCount + 1 : 0
        let keepsAlive = request.keepsAlive && !transport.isDraining && refusedCount < Self.refusedMax
        var bytes: [UInt8] = []
        response.encode(
            into: &bytes, keepAlive: keepsAlive, isHead: request.isHead, minorVersion: request.minorVersion)
        if transport.queuedBytes == 0 || progress == nil {
            (progress, lookDue) = (
                OutputProgress(at: transport.now), transport.now + OutputProgress.lookMilliseconds
            )
        }
        transport.sendBytes(bytes)
        current = nil
        isReadingBody = false
        firstDeadline = .max
        guard keepsAlive else { return transport.endInOrder() }
        idleUntil = transport.now + Self.idleMilliseconds
        reschedule(on: transport)
        transport.endWait()
    }

    /// Answers bytes that are no request, and ends: where the next request would begin is unknown.
    private func fail(_ failure: HTTPFailure, on transport: some HTTPTransport) {
        var bytes: [UInt8] = []
        HTTPResponse.failure(failure).encode(into: &bytes, keepAlive: false, isHead: false, minorVersion: 1)
        transport.sendBytes(bytes)
        transport.endInOrder()
    }
}
