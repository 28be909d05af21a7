import WireProtocol

extension HTTPResponse {
    /// An answer of the HTTP API.
    static func json(_ status: Int, _ body: [UInt8], headers: [(String, String)] = []) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")] + headers, body: body)
    }

    /// `{"error": {"code", "message"}}`
    static func error(
        _ status: Int, _ code: String, _ message: String, headers: [(String, String)] = []
    ) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("error")
        writer.beginObject()
        writer.member("code", code)
        writer.member("message", message)
        writer.endObject()
        writer.endObject()
        var response = json(status, writer.array, headers: headers)
        response.failure = HTTPFailure(status: status, code: code, message: message)
        return response
    }

    static func failure(_ failure: HTTPFailure) -> HTTPResponse {
        error(failure.status, failure.code, failure.message)
    }

    /// 429, to be tried again.
    static func rateLimited(_ message: String, retryMilliseconds: Int) -> HTTPResponse {
        error(429, "rate_limited", message, headers: [("Retry-After", String((retryMilliseconds + 999) / 1000))])
    }

    /// 503, to be tried again.
    static func unavailable(_ message: String, retrySeconds: Int) -> HTTPResponse {
        error(503, "unavailable", message, headers: [("Retry-After", String(retrySeconds))])
    }
}

/// The answers of connections of which nothing is read.
enum RefusalResponse {
    /// To a client that does not speak TLS, where the port speaks nothing else.
    static let plain: [UInt8] = {
        var bytes: [UInt8] = []
        HTTPResponse.error(400, "bad_request", "this port speaks TLS; use https:// or wss://")
            .encode(into: &bytes, keepAlive: false, isHead: false, minorVersion: 1)
        return bytes
    }()
    /// There is no descriptor for it.
    static let tooManyOpenFiles = bytes("the node has no descriptors left")
    /// There are more connections than even the reserve takes.
    static let nodeFull = bytes("the node has as many connections as it takes")

    private static func bytes(_ message: String) -> [UInt8] {
        var bytes: [UInt8] = []
        HTTPResponse.unavailable(message, retrySeconds: 5)
            .encode(into: &bytes, keepAlive: false, isHead: false, minorVersion: 1)
        return bytes
    }
}

/// Headers for pages of other origins (the Fetch standard's CORS protocol).
enum CrossOrigin {
    static func headers(_ allowOrigin: String) -> [(String, String)] {
        let allow = [("Access-Control-Allow-Origin", allowOrigin)]
        return allowOrigin == "*" ? allow : allow + [("Vary", "Origin")]
    }

    /// The answer to OPTIONS: what a page of an allowed origin may do at this path.
    static func preflight(_ methods: String) -> HTTPResponse {
        HTTPResponse(
            status: 204,
            headers: [
                ("Allow", methods), ("Access-Control-Allow-Methods", methods),
                ("Access-Control-Allow-Headers", "Content-Type, X-API-Key, Authorization, Last-Event-ID"),
                ("Access-Control-Max-Age", "600"),
            ])
    }
}
