/// The head of a response, as a client sees it.
package struct HTTPResponseHead: Sendable {
    /// 100…999.
    package let status: Int
    /// 0 or 1; later versions of HTTP/1 count as 1.
    package let minorVersion: Int
    let fields: HTTPFields

    /// The header's value; several of one name are joined by ", ". `lowercasedName` must be in lower case.
    package func header(_ lowercasedName: StaticString) -> String? {
        fields.joined(lowercasedName)
    }

    /// How many lines of that name the head has.
    package func headerCount(_ lowercasedName: StaticString) -> Int {
        fields.count(of: lowercasedName)
    }

    /// Whether the comma-separated list, over all lines of that name, has the token; ASCII case is ignored.
    package func headerHasToken(_ lowercasedName: StaticString, _ token: StaticString) -> Bool {
        fields.hasToken(lowercasedName, token)
    }

    /// Bytes of the body (RFC 9112 §6.3), where the request was no HEAD; nil for one that the connection ends, or in
    /// chunks.
    package var bodyLength: Int? {
        if status == 204 || status == 304 { return 0 }
        guard header("transfer-encoding") == nil, let text = header("content-length") else { return nil }
        return text.utf8.allSatisfy(HTTPByte.isDigit) ? Int(text) : nil
    }
}

/// Reads the head of the response to an upgrade request, bytes in, event out; it is as strict as the server's parser.
/// Interim responses (1xx but 101, RFC 9110 §15.2) before it are passed over.
package struct HTTPResponseHeadParser: Sendable {
    package enum Event: Sendable {
        case incomplete
        /// The rest of the bytes is the body, or frames after a 101.
        case head(HTTPResponseHead)
        /// The server does not speak HTTP/1 as it should; `message` says where. Every further call fails in the same
        /// way.
        case failed(HTTPFailure)
    }

    /// A server has no reason for more.
    private static let interimResponsesMax = 8

    private let limits: HTTPLimits
    private var section = HTTPSection(.response)
    private var interimResponses = 0
    private var failure: HTTPFailure?

    package init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Consumes from the front of `bytes` and keeps inside what is incomplete.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, event: Event) {
        if let failure { return (bytes.count, .failed(failure)) }
        var position = 0
        while position < bytes.count {
            switch section.consume(UnsafeRawBufferPointer(rebasing: bytes[position...]), limits: limits) {
            case .incomplete:
                return (bytes.count, .incomplete)
            case .failed(let failure):
                return fail(failure, bytes.count)
            case .complete(let consumed):
                position &+= consumed
            }
            guard let line = section.statusLine else { preconditionFailure("a complete head has a status line") }
            let fields = section.take()
            guard line.status < 200 && line.status != 101 else {
                let head = HTTPResponseHead(status: line.status, minorVersion: line.minorVersion, fields: fields)
                return (position, .head(head))
            }
            interimResponses += 1
            guard interimResponses <= HTTPResponseHeadParser.interimResponsesMax else {
                return fail(.badRequest("too many interim responses"), bytes.count)
            }
        }
        return (bytes.count, .incomplete)
    }

    private mutating func fail(_ failure: HTTPFailure, _ count: Int) -> (consumed: Int, event: Event) {
        self.failure = failure
        return (count, .failed(failure))
    }
}
