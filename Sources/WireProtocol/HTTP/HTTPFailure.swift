/// Why a request is refused, in the terms of the answer that says so.
package struct HTTPFailure: Error, Equatable, Sendable {
    /// The status code of the answer.
    package let status: Int
    /// The contract's error code nearest to the status ("bad_request", "too_large", "method_not_allowed", …).
    package let code: String
    /// Says to the client's author what was wrong and what is allowed. Holds no bytes of the request.
    package let message: String
    /// True when the connection must end after the answer: where the next request would begin is unknown.
    package let closes: Bool

    package init(status: Int, code: String, message: String, closes: Bool = true) {
        self.status = status
        self.code = code
        self.message = message
        self.closes = closes
    }
}

extension HTTPFailure {
    static func badRequest(_ message: String) -> HTTPFailure {
        HTTPFailure(status: 400, code: "bad_request", message: message)
    }

    static func bodyTooLarge(_ limits: HTTPLimits) -> HTTPFailure {
        HTTPFailure(
            status: 413, code: "too_large",
            message: "the body is too large: at most \(limits.bodyBytesMax) bytes are allowed")
    }

    static func targetTooLong(_ limits: HTTPLimits) -> HTTPFailure {
        HTTPFailure(
            status: 414, code: "too_large",
            message: "the request target is too long: at most \(limits.targetBytesMax) bytes are allowed")
    }

    static func headTooLarge(_ limits: HTTPLimits) -> HTTPFailure {
        HTTPFailure(
            status: 431, code: "too_large",
            message: "the head is too large: at most \(limits.headBytesMax) bytes are allowed")
    }

    static func tooManyFields(_ limits: HTTPLimits) -> HTTPFailure {
        HTTPFailure(
            status: 431, code: "too_large",
            message: "too many header lines: at most \(limits.headerCountMax) are allowed")
    }

    static let versionNotSupported = HTTPFailure(
        status: 505, code: "bad_request", message: "the HTTP version is not supported: use HTTP/1.1 or HTTP/1.0")

    static let expectationFailed = HTTPFailure(
        status: 417, code: "bad_request", message: "unknown expectation: Expect may only be 100-continue")
}
