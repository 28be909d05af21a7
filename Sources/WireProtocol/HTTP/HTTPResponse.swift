/// A response to be sent, with its whole body. The serialiser adds Content-Length and Connection: leave them out of
/// `headers`.
package struct HTTPResponse: Sendable {
    /// 100…599.
    package var status: Int
    package var headers: [(String, String)]
    package var body: [UInt8]
    /// The body as gzip, for who accepts that; nil: there is none.
    package var gzipBody: [UInt8]?
    /// The error that the body says; nil: it says none.
    package var failure: HTTPFailure?

    package init(status: Int, headers: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Appends the response. Content-Length is there unless the status has no body (1xx, 204; for 304 it would be that
    /// of another response); a HEAD request gets the length and no body. Connection is "close" when the connection
    /// ends, "keep-alive" when it goes on and the client (`minorVersion` 0) would not expect it. No Date is added.
    package func encode(into out: inout [UInt8], keepAlive: Bool, isHead: Bool, minorVersion: Int) {
        let hasBody = status >= 200 && status != 204 && status != 304
        out.reserveCapacity(out.count + 256 + (isHead ? 0 : body.count))
        encodeHead(into: &out)
        if hasBody { HTTPResponse.append("Content-Length", String(body.count), to: &out) }
        if !keepAlive {
            HTTPResponse.append("Connection", "close", to: &out)
        } else if minorVersion == 0 {
            HTTPResponse.append("Connection", "keep-alive", to: &out)
        }
        out.append(contentsOf: "\r\n".utf8)
        if hasBody && !isHead { out.append(contentsOf: body) }
    }

    /// Appends the head of a response whose body follows piece by piece and ends with the connection (RFC 9112 §6.3),
    /// as an event stream does, and then `body` as the first piece.
    package func encodeUntilClose(into out: inout [UInt8]) {
        encodeHead(into: &out)
        HTTPResponse.append("Connection", "close", to: &out)
        out.append(contentsOf: "\r\n".utf8)
        out.append(contentsOf: body)
    }

    /// The status line is HTTP/1.1 for clients of 1.0 too (RFC 9110 §2.5).
    private func encodeHead(into out: inout [UInt8]) {
        out.append(contentsOf: "HTTP/1.1 ".utf8)
        out.append(contentsOf: String(status).utf8)
        out.append(HTTPByte.space)
        out.append(contentsOf: HTTPStatus.reason(status).utf8)
        out.append(contentsOf: "\r\n".utf8)
        for (name, value) in headers { HTTPResponse.append(name, value, to: &out) }
        // Nothing here is anything else than what its Content-Type says.
        HTTPResponse.append("X-Content-Type-Options", "nosniff", to: &out)
    }

    /// Appends a field line. A control character becomes a space: what a value quotes must not end the line.
    static func append(_ name: String, _ value: String, to out: inout [UInt8]) {
        append(text: name, to: &out)
        out.append(UInt8(ascii: ":"))
        out.append(HTTPByte.space)
        append(text: value, to: &out)
        out.append(HTTPByte.cr)
        out.append(HTTPByte.lf)
    }

    private static func append(text: String, to out: inout [UInt8]) {
        func isControl(_ byte: UInt8) -> Bool { byte < 0x20 && byte != HTTPByte.tab || byte == 0x7F }
        var text = text
        text.withUTF8 { bytes in
            if bytes.contains(where: isControl) {
                out.append(contentsOf: bytes.map { isControl($0) ? HTTPByte.space : $0 })
            } else {
                out.append(contentsOf: bytes)
            }
        }
    }
}
