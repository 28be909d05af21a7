import Foundations
import NetworkIO
import WireProtocol

// `GET /api/system/events`: server-sent events (the HTML standard, section 9.2).
extension Connection {
    private static let comment = Array(":\n\n".utf8)

    func streamEvents(_ call: HTTPCall) {
        guard case .http(let exchange) = phase else { return }
        let context = worker.context
        if context.isDraining { return answer(.unavailable("the node is draining", retrySeconds: 1)) }
        var response = HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ] + exchange.crossOriginHeaders)
        if call.request.method == .head {
            begin(response)
            return endStream()
        }
        guard context.eventStreams.add(1, ordering: .relaxed).newValue <= EventStream.countMax else {
            context.eventStreams.subtract(1, ordering: .relaxed)
            return answer(.unavailable("as many streams of events are open as the node takes", retrySeconds: 10))
        }
        // What is true while the history is held has been told up to its newest event, or will be told after it.
        let (bytes, newest) = context.events.withLock { history in
            let missed = history.missed(since: call.request.header("last-event-id")).flatMap(\.bytes)
            let present = context.presentEvents.flatMap { history.present($0, at: loop.unixNow) }
            return (missed + present, history.newest)
        }
        response.body = Array("retry: \(EventStream.retryMilliseconds)\n\n".utf8) + bytes
        phase = .events(EventStream(last: newest))
        table.eventStreams.append(self)
        begin(response)
        loop.schedule(self, at: loop.now + EventStream.keepAliveMilliseconds)
        endWait()
    }

    private func begin(_ response: HTTPResponse) {
        var bytes: [UInt8] = []
        response.encodeUntilClose(into: &bytes)
        sendBytes(bytes)
    }

    /// Sends an event, unless it was among those that the stream began with.
    func tell(_ entry: EventHistory.Entry) {
        guard case .events(let stream) = phase, entry.number > stream.last else { return }
        stream.last = entry.number
        // Who does not read can come back and say what the last event was.
        if queuedBytes > EventStream.queuedBytesMax { return reset() }
        sendBytes(entry.bytes)
    }

    func keepEventStreamAlive() {
        // A peer that does not read needs no comments on top.
        if !isBlocked { sendBytes(Self.comment) }
        loop.schedule(self, at: loop.now + EventStream.keepAliveMilliseconds)
    }

    /// Ends the answer in order.
    func endStream() {
        leaveEventStreams()
        phase = .discarding
        wait = nil
        endAfterFlush()
        loop.schedule(self, at: loop.now + 2_000)
    }

    /// The stream is over; once.
    func leaveEventStreams() {
        guard case .events = phase else { return }
        table.eventStreams.removeAll { $0 === self }
        worker.context.eventStreams.subtract(1, ordering: .relaxed)
    }
}
