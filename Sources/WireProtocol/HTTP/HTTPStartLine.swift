/// The first line of a request (RFC 9112 §3), with the target's decoded parts.
struct HTTPRequestLine: Sendable {
    let method: HTTPMethod
    let minorVersion: Int
    /// The target as sent.
    let slice: HTTPSlice
    let target: HTTPRequestTarget

    init(_ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ limits: HTTPLimits) throws(HTTPFailure) {
        var methodEnd = start
        while methodEnd < end && HTTPByte.isToken(input[methodEnd]) && input[methodEnd] &- 0x61 >= 26 {
            methodEnd &+= 1
        }
        guard methodEnd > start, methodEnd < end, input[methodEnd] == HTTPByte.space else {
            throw .badRequest("a malformed request line: upper-case method, one space, target, one space, version")
        }
        let targetStart = methodEnd &+ 1
        var targetEnd = targetStart
        while targetEnd < end && input[targetEnd] != HTTPByte.space { targetEnd &+= 1 }
        guard targetEnd &- targetStart <= limits.targetBytesMax else { throw .targetTooLong(limits) }
        guard targetEnd > targetStart, targetEnd < end else {
            throw .badRequest("a malformed request line: method, one space, target, one space, version")
        }
        minorVersion = try HTTPVersion.minor(input, targetEnd &+ 1, end)
        method = HTTPRequestLine.method(input, start, methodEnd)
        slice = HTTPSlice(targetStart, targetEnd)
        target = try HTTPRequestTarget(input, slice, method)
    }

    private static func method(_ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> HTTPMethod {
        // The commonest without a string; the others by their names.
        if end &- start == 3 && input[start] == 0x47 && input[start &+ 1] == 0x45 && input[start &+ 2] == 0x54 {
            return .get
        }
        return HTTPMethod(String(decoding: input[start..<end], as: UTF8.self))
    }
}

/// The first line of a response (RFC 9112 §4).
struct HTTPStatusLine: Sendable {
    let minorVersion: Int
    let status: Int

    /// The reason phrase is optional, as is, for servers that leave it out, the blank before it.
    init(_ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int) throws(HTTPFailure) {
        let statusStart = start &+ 9
        guard end &- start >= 12, input[start &+ 8] == HTTPByte.space else {
            throw .badRequest("a malformed status line")
        }
        minorVersion = try HTTPVersion.minor(input, start, start &+ 8)
        var status = 0
        for index in statusStart..<statusStart &+ 3 {
            guard HTTPByte.isDigit(input[index]) else { throw .badRequest("a malformed status code") }
            status = status &* 10 &+ Int(input[index] &- 0x30)
        }
        guard status >= 100, end == statusStart &+ 3 || input[statusStart &+ 3] == HTTPByte.space else {
            throw .badRequest("a malformed status code")
        }
        self.status = status
    }
}

/// HTTP-version of RFC 9112 §2.3.
enum HTTPVersion {
    /// 0 or 1. A higher minor version of HTTP/1 is treated as 1 (RFC 9110 §2.5), another major version is a 505.
    static func minor(_ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int) throws(HTTPFailure) -> Int {
        guard end &- start == 8,
            input[start] == 0x48, input[start &+ 1] == 0x54, input[start &+ 2] == 0x54, input[start &+ 3] == 0x50,
            input[start &+ 4] == UInt8(ascii: "/"), input[start &+ 6] == UInt8(ascii: "."),
            HTTPByte.isDigit(input[start &+ 5]), HTTPByte.isDigit(input[start &+ 7])
        else { throw .badRequest("a malformed HTTP version: HTTP/1.1 or HTTP/1.0 is expected") }
        guard input[start &+ 5] == UInt8(ascii: "1") else { throw .versionNotSupported }
        return input[start &+ 7] == UInt8(ascii: "0") ? 0 : 1
    }
}
