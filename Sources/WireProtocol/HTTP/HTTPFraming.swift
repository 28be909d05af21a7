/// The body's length and the connection's fate, as the field lines of a message have them.
struct HTTPFraming: Sendable {
    enum Body: Equatable, Sendable {
        case length(Int)
        case chunked
    }

    private(set) var body = Body.length(0)
    private(set) var host: HTTPSlice?
    private(set) var expectsContinue = false
    private(set) var keepsAlive = false

    /// RFC 9112 §3.2 (Host), §6 (body length), §9.3 (persistence) and RFC 9110 §10.1.1 (Expect), strict wherever two
    /// readers could disagree on where the request ends.
    init(_ fields: HTTPFields, minorVersion: Int, limits: HTTPLimits) throws(HTTPFailure) {
        var length: Int?
        var codings = 0
        var closes = false
        var keeps = false
        for line in fields.lines {
            let name = line.name
            switch name.count {
            case 4 where fields.equals(name, "host"):
                guard host == nil else { throw .badRequest("more than one Host header") }
                guard fields.isAuthority(line.value) else {
                    throw .badRequest("a malformed Host header: host or host:port is expected")
                }
                host = line.value
            case 6 where fields.equals(name, "expect"):
                guard fields.equals(line.value, "100-continue") else { throw .expectationFailed }
                expectsContinue = minorVersion > 0
            case 10 where fields.equals(name, "connection"):
                closes = closes || fields.listHas("close", in: line.value)
                keeps = keeps || fields.listHas("keep-alive", in: line.value)
            case 14 where fields.equals(name, "content-length"):
                let next = try HTTPFraming.contentLength(fields, line.value)
                guard length == nil || length == next else {
                    throw .badRequest("Content-Length headers that differ")
                }
                length = next
            case 17 where fields.equals(name, "transfer-encoding"):
                codings += 1
                guard fields.equals(line.value, "chunked"), codings == 1 else {
                    throw .badRequest("an unknown transfer coding: only chunked, once, is allowed")
                }
            default:
                break
            }
        }
        guard host != nil || minorVersion == 0 else { throw .badRequest("HTTP/1.1 needs a Host header") }
        if codings > 0 {
            guard length == nil else { throw .badRequest("Content-Length together with Transfer-Encoding") }
            guard minorVersion > 0 else { throw .badRequest("Transfer-Encoding in HTTP/1.0") }
            body = .chunked
        } else if let length {
            guard length <= limits.bodyBytesMax else { throw .bodyTooLarge(limits) }
            body = .length(length)
        }
        keepsAlive = !closes && (minorVersion > 0 || keeps)
    }

    /// A number, or a list of equal ones, as a proxy that joins lines makes it (RFC 9112 §6.3). What does not fit in
    /// an Int is taken as the greatest, which no limit allows.
    private static func contentLength(_ fields: HTTPFields, _ slice: HTTPSlice) throws(HTTPFailure) -> Int {
        var result: Int?
        var index = slice.lower
        while true {
            while index < slice.upper && HTTPByte.isBlank(fields.bytes[index]) { index &+= 1 }
            let start = index
            var value = 0
            while index < slice.upper && HTTPByte.isDigit(fields.bytes[index]) {
                let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflowedToo) = tens.addingReportingOverflow(Int(fields.bytes[index] &- 0x30))
                value = overflowed || overflowedToo ? Int.max : sum
                index &+= 1
            }
            guard index > start else { throw .badRequest("a malformed Content-Length: decimal digits are expected") }
            guard result == nil || result == value else { throw .badRequest("Content-Length values that differ") }
            result = value
            while index < slice.upper && HTTPByte.isBlank(fields.bytes[index]) { index &+= 1 }
            if index == slice.upper { return value }
            guard fields.bytes[index] == UInt8(ascii: ",") else {
                throw .badRequest("a malformed Content-Length: decimal digits are expected")
            }
            index &+= 1
        }
    }
}
