import NetworkIO
import WireProtocol

/// The phase of a connection whose answer is the stream of the node's events: server-sent events (the HTML standard,
/// section 9.2). Input is thrown away.
///
/// Its connection calls it with each event and with itself as `transport`; it keeps no reference to it.
/// Thread: the connection's.
final class EventsPhase {
    /// A reader with more bytes before it is closed.
    static let queuedBytesMax = 256 * 1024
    /// A comment is sent so often, so that proxies let the stream live and a dead peer is noticed.
    static let keepAliveMilliseconds = 15_000
    /// How long a client should wait before it connects again.
    static let retryMilliseconds = 2_000
    private static let comment = Array(":\n\n".utf8)

    private let context: NodeContext
    /// The number of the last event that was sent.
    private var last = 0
    /// The client for whom this stream is counted, if it is.
    private var countedFor: Client?
    /// How the peer takes what is queued, while the kernel does not take all of it.
    private var progress: OutputProgress?

    /// - Parameter request: a stream that was counted, if it has more than a head.
    init(_ request: EventStreamRequest, context: NodeContext) {
        self.context = context
        countedFor = request.isHead ? nil : request.client
    }

    /// Sends the head, the events that the client missed, and the present state.
    /// - Parameter unixNow: Unix milliseconds.
    func began(_ request: EventStreamRequest, at unixNow: Int, on transport: some PhaseTransport) {
        var response = HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ] + request.crossOriginHeaders)
        if !request.isHead {
            response.body = Array("retry: \(Self.retryMilliseconds)\n\n".utf8) + beginning(request, at: unixNow)
        }
        var bytes: [UInt8] = []
        response.encodeUntilClose(into: &bytes)
        transport.sendBytes(bytes)
        if request.isHead { return transport.endInOrder() }
        transport.schedule(at: transport.now + Self.keepAliveMilliseconds)
    }

    private func beginning(_ request: EventStreamRequest, at unixNow: Int) -> [UInt8] {
        // What is true while the history is held was published up to its newest event, or will be after it.
        let (bytes, newest) = context.events.history.withLock { history in
            let missed = history.missed(since: request.lastEventID).flatMap(\.bytes)
            let present = context.presentEvents.flatMap { history.present($0, at: unixNow) }
            return (missed + present, history.newest)
        }
        last = newest
        return bytes
    }

    /// Sends an event, unless it was among those that the stream began with.
    func published(_ entry: EventHistory.Entry, on transport: some PhaseTransport) {
        guard entry.number > last else { return }
        last = entry.number
        // A client that does not read can come back with the id of its last event.
        if transport.queuedBytes > Self.queuedBytesMax { return transport.reset() }
        transport.sendBytes(entry.bytes)
    }

    func timerFired(on transport: some PhaseTransport) {
        // A peer that does not read needs no comments on top, and can come back with the id of its last event.
        if transport.isBlocked {
            var progress = progress ?? OutputProgress(at: transport.now)
            let look = progress.looked(unacknowledged: transport.unacknowledgedBytes, at: transport.now)
            self.progress = progress
            if look == .standstill { return transport.reset() }
        } else {
            progress = nil
            transport.sendBytes(Self.comment)
        }
        transport.schedule(at: transport.now + Self.keepAliveMilliseconds)
    }

    /// The node drains: the answer ends in order.
    func drainBegan(on transport: some PhaseTransport) { transport.endInOrder() }

    /// The stream is over: its place is given back, once.
    func ended() {
        guard let client = countedFor.take() else { return }
        context.events.giveBackStream()
        context.budgets.addresses.giveBackStream(of: client)
    }
}
