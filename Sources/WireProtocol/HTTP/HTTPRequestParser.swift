/// Parses the requests of one connection (RFC 9112), bytes in, events out. The outcome does not depend on how the bytes
/// are split, but for `expectsContinue`. Belongs to the connection's thread; keep none for a connection that was
/// upgraded.
package struct HTTPRequestParser: Sendable {
    package enum Event: Sendable {
        /// All was consumed; more bytes are needed.
        case incomplete
        /// Given once for a head that a body follows: what the head decides can be answered now. Go on with the rest of
        /// the bytes as they come. `expectsContinue`: for a head with Expect: 100-continue when none of its body is
        /// there yet; write "HTTP/1.1 100 Continue" and an empty line first.
        case head(HTTPRequest, expectsContinue: Bool)
        case request(HTTPRequest)
        /// A body came to its end that `skipBody` left unread.
        case skipped
        /// Answer it and close; every further call fails in the same way.
        case failed(HTTPFailure)
    }

    private enum Phase: Sendable {
        case head
        case body(remaining: Int)
        case skipping(remaining: Int)
        case chunks
        case failed(HTTPFailure)
    }

    private let limits: HTTPLimits
    private var phase = Phase.head
    private var head = HTTPSection(.request)
    /// The request whose body is being read, and what there is of the body.
    private var pending: HTTPRequest?
    private var body: [UInt8] = []
    private var chunked = HTTPChunkedBody()

    package init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// True between the first byte of a request and its last (the deadline of a request runs); false while idle. One
    /// empty line before a request does not begin it.
    package var isMidRequest: Bool {
        switch phase {
        case .head: head.isBegun
        case .body, .skipping, .chunks: true
        case .failed: false
        }
    }

    /// Bytes of memory that a request takes that has not come whole.
    package var heldBytes: Int { head.heldBytes + body.capacity }

    /// True while the head is complete and the body is not.
    package var isReadingBody: Bool {
        switch phase {
        case .head, .failed: false
        case .body, .skipping, .chunks: true
        }
    }

    /// Drops the body whose head was given last, if its length is known and at most that: the next request follows.
    package mutating func skipBody(upTo most: Int) -> Bool {
        guard case .body(let remaining) = phase, remaining <= most else { return false }
        phase = .skipping(remaining: remaining)
        pending = nil
        return true
    }

    /// Consumes from the front of `bytes` and keeps inside what is incomplete. After `.request` the rest of `bytes` is
    /// untouched: a pipelined request (call again), or frames after an upgrade.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, event: Event) {
        if case .head = phase {
            let position: Int
            switch head.consume(bytes, limits: limits) {
            case .incomplete:
                return (bytes.count, .incomplete)
            case .failed(let failure):
                return fail(failure, bytes.count)
            case .complete(let consumed):
                position = consumed
            }
            do throws(HTTPFailure) {
                return (position, try headCompleted(hasMore: position < bytes.count))
            } catch {
                return fail(error, bytes.count)
            }
        }
        return consumeBody(bytes)
    }

    /// The event that the head gives.
    private mutating func headCompleted(hasMore: Bool) throws(HTTPFailure) -> Event {
        guard let line = head.requestLine else { preconditionFailure("a complete head has a request line") }
        let fields = head.take()
        let framing = try HTTPFraming(fields, minorVersion: line.minorVersion, limits: limits)
        let request = HTTPRequest(line, fields, framing)
        switch framing.body {
        case .length(0):
            return .request(request)
        case .length(let length):
            phase = .body(remaining: length)
        case .chunked:
            phase = .chunks
            chunked = HTTPChunkedBody()
        }
        pending = request
        return .head(request, expectsContinue: framing.expectsContinue && !hasMore)
    }

    private mutating func consumeBody(
        _ bytes: UnsafeRawBufferPointer
    ) -> (consumed: Int, event: Event) {
        var position = 0
        switch phase {
        case .head:
            preconditionFailure("the body follows the head")
        case .failed(let failure):
            return (bytes.count, .failed(failure))
        case .body(let remaining):
            let count = min(remaining, bytes.count &- position)
            body.append(contentsOf: bytes[position..<position &+ count])
            guard count == remaining else {
                phase = .body(remaining: remaining &- count)
                return (bytes.count, .incomplete)
            }
            return (position &+ count, finished())
        case .skipping(let remaining):
            guard remaining <= bytes.count else {
                phase = .skipping(remaining: remaining &- bytes.count)
                return (bytes.count, .incomplete)
            }
            phase = .head
            return (remaining, .skipped)
        case .chunks:
            switch chunked.consume(bytes, &position, into: &body, limits: limits) {
            case .incomplete: return (bytes.count, .incomplete)
            case .complete: return (position, finished())
            case .failed(let failure): return fail(failure, bytes.count)
            }
        }
    }

    private mutating func finished() -> Event {
        guard var request = pending.take() else { preconditionFailure("a body belongs to a request") }
        swap(&request.body, &body)
        phase = .head
        return .request(request)
    }

    private mutating func fail(_ failure: HTTPFailure, _ count: Int) -> (consumed: Int, event: Event) {
        phase = .failed(failure)
        pending = nil
        body = []
        return (count, .failed(failure))
    }
}
